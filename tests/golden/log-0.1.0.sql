BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE events (
	seq INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	run_id TEXT, 
	at DOUBLE NOT NULL, 
	asset TEXT, 
	partition TEXT, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (seq)
);
INSERT INTO "events" VALUES(1,'run_started','20130301T060000-7d3f21c8',1362117600.0,NULL,NULL,'{"job":"daily","partitions":["2013-01"],"selection":["+model"],"steps":13,"tags":{"team":"ml"},"config":{"model":{"depth":6}},"project":"nyc_flights","source":{"user":"ada","host":"host","pid":4711,"command":"mlorch materialize +model"},"git":{"commit":"0000000000000000000000000000000000000000","dirty":true}}');
INSERT INTO "events" VALUES(2,'asset_observed',NULL,1362117600.1,'weather',NULL,'{"data_version":"w1","metadata":{"rows":26115}}');
INSERT INTO "events" VALUES(3,'asset_materialized','20130301T060000-7d3f21c8',1362117601.25,'raw/flights','2013-01-01','{"step":"raw/flights[2013-01-01]","started_at":1362117601.0,"code_version":"c0ffee","data_version":"d2013-01-01","content_hash":"5d41402abc4b2a76b9719d911017c592","size":1234,"uri":"data/raw/flights/2013-01-01.parquet","io_manager":"pandas","environment":"0aed8c37f546999c8275cc116d88b4764f52ba796844ae3be81cd476d8733768","definition":"60f80c83e1658334ec69c8be54a142fa91608b9d93146b99a149f1d849bee17e","metadata":{"rows":842,"columns":[["dep_delay","float64"]]}}');
INSERT INTO "events" VALUES(4,'asset_materialized','20130301T060000-7d3f21c8',1362117601.25,'raw/flights','2013-01-02','{"step":"raw/flights[2013-01-02]","started_at":1362117601.0,"code_version":"c0ffee","data_version":"d2013-01-02","content_hash":"5d41402abc4b2a76b9719d911017c592","size":1234,"uri":"data/raw/flights/2013-01-02.parquet","io_manager":"pandas","environment":"0aed8c37f546999c8275cc116d88b4764f52ba796844ae3be81cd476d8733768","definition":"60f80c83e1658334ec69c8be54a142fa91608b9d93146b99a149f1d849bee17e","metadata":{"rows":842,"columns":[["dep_delay","float64"]]}}');
INSERT INTO "events" VALUES(5,'asset_materialized','20130301T060000-7d3f21c8',1362117601.25,'raw/flights','2013-01-03','{"step":"raw/flights[2013-01-03]","started_at":1362117601.0,"code_version":"c0ffee","data_version":"d2013-01-03","content_hash":"5d41402abc4b2a76b9719d911017c592","size":1234,"uri":"data/raw/flights/2013-01-03.parquet","io_manager":"pandas","environment":"0aed8c37f546999c8275cc116d88b4764f52ba796844ae3be81cd476d8733768","definition":"60f80c83e1658334ec69c8be54a142fa91608b9d93146b99a149f1d849bee17e","metadata":{"rows":842,"columns":[["dep_delay","float64"]]}}');
INSERT INTO "events" VALUES(6,'asset_materialized','20130301T060000-7d3f21c8',1362117601.25,'raw/flights','2013-01-04','{"step":"raw/flights[2013-01-04]","started_at":1362117601.0,"code_version":"c0ffee","data_version":"d2013-01-04","content_hash":"5d41402abc4b2a76b9719d911017c592","size":1234,"uri":"data/raw/flights/2013-01-04.parquet","io_manager":"pandas","environment":"0aed8c37f546999c8275cc116d88b4764f52ba796844ae3be81cd476d8733768","definition":"60f80c83e1658334ec69c8be54a142fa91608b9d93146b99a149f1d849bee17e","metadata":{"rows":842,"columns":[["dep_delay","float64"]]}}');
INSERT INTO "events" VALUES(7,'asset_materialized','20130301T060000-7d3f21c8',1362117601.25,'raw/flights','2013-01-05','{"step":"raw/flights[2013-01-05]","started_at":1362117601.0,"code_version":"c0ffee","data_version":"d2013-01-05","content_hash":"5d41402abc4b2a76b9719d911017c592","size":1234,"uri":"data/raw/flights/2013-01-05.parquet","io_manager":"pandas","environment":"0aed8c37f546999c8275cc116d88b4764f52ba796844ae3be81cd476d8733768","definition":"60f80c83e1658334ec69c8be54a142fa91608b9d93146b99a149f1d849bee17e","metadata":{"rows":842,"columns":[["dep_delay","float64"]]}}');
INSERT INTO "events" VALUES(8,'asset_materialized','20130301T060000-7d3f21c8',1362117601.25,'raw/flights','2013-01-06','{"step":"raw/flights[2013-01-06]","started_at":1362117601.0,"code_version":"c0ffee","data_version":"d2013-01-06","content_hash":"5d41402abc4b2a76b9719d911017c592","size":1234,"uri":"data/raw/flights/2013-01-06.parquet","io_manager":"pandas","environment":"0aed8c37f546999c8275cc116d88b4764f52ba796844ae3be81cd476d8733768","definition":"60f80c83e1658334ec69c8be54a142fa91608b9d93146b99a149f1d849bee17e","metadata":{"rows":842,"columns":[["dep_delay","float64"]]}}');
INSERT INTO "events" VALUES(9,'asset_materialized','20130301T060000-7d3f21c8',1362117601.25,'raw/flights','2013-01-07','{"step":"raw/flights[2013-01-07]","started_at":1362117601.0,"code_version":"c0ffee","data_version":"d2013-01-07","content_hash":"5d41402abc4b2a76b9719d911017c592","size":1234,"uri":"data/raw/flights/2013-01-07.parquet","io_manager":"pandas","environment":"0aed8c37f546999c8275cc116d88b4764f52ba796844ae3be81cd476d8733768","definition":"60f80c83e1658334ec69c8be54a142fa91608b9d93146b99a149f1d849bee17e","metadata":{"rows":842,"columns":[["dep_delay","float64"]]}}');
INSERT INTO "events" VALUES(10,'asset_materialized','20130301T060000-7d3f21c8',1362117601.25,'raw/flights','2013-01-08','{"step":"raw/flights[2013-01-08]","started_at":1362117601.0,"code_version":"c0ffee","data_version":"d2013-01-08","content_hash":"5d41402abc4b2a76b9719d911017c592","size":1234,"uri":"data/raw/flights/2013-01-08.parquet","io_manager":"pandas","environment":"0aed8c37f546999c8275cc116d88b4764f52ba796844ae3be81cd476d8733768","definition":"60f80c83e1658334ec69c8be54a142fa91608b9d93146b99a149f1d849bee17e","metadata":{"rows":842,"columns":[["dep_delay","float64"]]}}');
INSERT INTO "events" VALUES(11,'asset_materialized','20130301T060000-7d3f21c8',1362117601.25,'raw/flights','2013-01-09','{"step":"raw/flights[2013-01-09]","started_at":1362117601.0,"code_version":"c0ffee","data_version":"d2013-01-09","content_hash":"5d41402abc4b2a76b9719d911017c592","size":1234,"uri":"data/raw/flights/2013-01-09.parquet","io_manager":"pandas","environment":"0aed8c37f546999c8275cc116d88b4764f52ba796844ae3be81cd476d8733768","definition":"60f80c83e1658334ec69c8be54a142fa91608b9d93146b99a149f1d849bee17e","metadata":{"rows":842,"columns":[["dep_delay","float64"]]}}');
INSERT INTO "events" VALUES(12,'asset_materialized','20130301T060000-7d3f21c8',1362117601.25,'raw/flights','2013-01-10','{"step":"raw/flights[2013-01-10]","started_at":1362117601.0,"code_version":"c0ffee","data_version":"d2013-01-10","content_hash":"5d41402abc4b2a76b9719d911017c592","size":1234,"uri":"data/raw/flights/2013-01-10.parquet","io_manager":"pandas","environment":"0aed8c37f546999c8275cc116d88b4764f52ba796844ae3be81cd476d8733768","definition":"60f80c83e1658334ec69c8be54a142fa91608b9d93146b99a149f1d849bee17e","metadata":{"rows":842,"columns":[["dep_delay","float64"]]}}');
INSERT INTO "events" VALUES(13,'step_started','20130301T060000-7d3f21c8',1362117602.0,'model',NULL,'{"step":"model"}');
INSERT INTO "events" VALUES(14,'step_retried','20130301T060000-7d3f21c8',1362117602.1,'model',NULL,'{"step":"model","error":{"type":"ValueError","message":"no flights","traceback":"\u2026","exit_code":null},"delay":0.5}');
INSERT INTO "events" VALUES(15,'step_started','20130301T060000-7d3f21c8',1362117602.6,'model',NULL,'{"step":"model","attempt":2}');
INSERT INTO "events" VALUES(16,'asset_materialized','20130301T060000-7d3f21c8',1362117603.5,'model',NULL,'{"step":"model","started_at":1362117602.0,"attempt":2,"code_version":"beef","is_code_declared":true,"config":{"depth":6},"config_digest":"abc","default_config_digest":"abd","data_version":"m1","is_user_provided":true,"inputs":"4ace768ea7dca64336b608fc4ebae94ae6085f03c44d79a5a6baf4bc18911213","environment":"0aed8c37f546999c8275cc116d88b4764f52ba796844ae3be81cd476d8733768","definition":"3aa890092a00e683506260c6cf4879e6e513aa6b64df20e9605e4ba618dcbb13","metrics":{"auc":0.731,"loss":[[1,0.69],[2,0.5]]}}');
INSERT INTO "events" VALUES(17,'check_evaluated','20130301T060000-7d3f21c8',1362117603.5,'model',NULL,'{"step":"model","check":"auc","passed":false,"severity":"WARN","metadata":{"auc":0.731}}');
INSERT INTO "events" VALUES(18,'output_captured','20130301T060000-7d3f21c8',1362117603.6,'model',NULL,'{"step":"model","attempt":2,"stdout":"fit\n","log":[[0.5,"INFO","fitting"]]}');
INSERT INTO "events" VALUES(19,'step_failed','20130301T060000-7d3f21c8',1362117604.0,'evaluation',NULL,'{"step":"evaluation","error":{"type":"ValueError","message":"no flights","traceback":"\u2026","exit_code":null}}');
INSERT INTO "events" VALUES(20,'step_skipped','20130301T060000-7d3f21c8',1362117604.0,'report',NULL,'{"step":"report","reason":"evaluation failed","is_blocked":true}');
INSERT INTO "events" VALUES(21,'run_finished','20130301T060000-7d3f21c8',1362117604.0,NULL,NULL,'{"status":"FAILURE","counts":{"made":11,"failed":1,"blocked":1},"reason":"1 step failed"}');
CREATE TABLE holders (
	run_id TEXT NOT NULL, 
	host TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	command TEXT NOT NULL, 
	since DOUBLE NOT NULL, 
	birth TEXT, 
	expires DOUBLE NOT NULL, 
	CONSTRAINT pk_holders PRIMARY KEY (run_id)
)
 WITHOUT ROWID

;
INSERT INTO "holders" VALUES('20130301T060000-7d3f21c8','host',1,'mlorch materialize',1.0,'de27dc18-8089-4b77-99b4-81e5c8692dd7 pid:[4026531836] 31',61.0);
CREATE TABLE interned (
	digest VARCHAR(64) NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_interned PRIMARY KEY (digest)
)
 WITHOUT ROWID

;
INSERT INTO "interned" VALUES('0aed8c37f546999c8275cc116d88b4764f52ba796844ae3be81cd476d8733768','{"python":"3.11.7","scikit-learn":"1.6.1"}');
INSERT INTO "interned" VALUES('3aa890092a00e683506260c6cf4879e6e513aa6b64df20e9605e4ba618dcbb13','{"group":"ml","deps":["raw/flights","weather"],"value":"model"}');
INSERT INTO "interned" VALUES('4ace768ea7dca64336b608fc4ebae94ae6085f03c44d79a5a6baf4bc18911213','[["raw/flights","2013-01-01","d2013-01-01",3],["raw/flights","2013-01-02","d2013-01-02",4],["raw/flights","2013-01-03","d2013-01-03",5],["raw/flights","2013-01-04","d2013-01-04",6],["raw/flights","2013-01-05","d2013-01-05",7],["raw/flights","2013-01-06","d2013-01-06",8],["raw/flights","2013-01-07","d2013-01-07",9],["raw/flights","2013-01-08","d2013-01-08",10],["raw/flights","2013-01-09","d2013-01-09",11],["raw/flights","2013-01-10","d2013-01-10",12],["weather",null,"w1",2],["airports",null,"a1",null]]');
INSERT INTO "interned" VALUES('60f80c83e1658334ec69c8be54a142fa91608b9d93146b99a149f1d849bee17e','{"group":"raw","deps":[],"value":"frame","description":"Abfl\u00fcge eines Tages \u2708"}');
CREATE TABLE latest (
	kind TEXT NOT NULL, 
	asset TEXT NOT NULL, 
	partition TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	CONSTRAINT pk_latest PRIMARY KEY (kind, asset, partition)
)
 WITHOUT ROWID

;
INSERT INTO "latest" VALUES('asset_materialized','model','',16);
INSERT INTO "latest" VALUES('asset_materialized','raw/flights','2013-01-01',3);
INSERT INTO "latest" VALUES('asset_materialized','raw/flights','2013-01-02',4);
INSERT INTO "latest" VALUES('asset_materialized','raw/flights','2013-01-03',5);
INSERT INTO "latest" VALUES('asset_materialized','raw/flights','2013-01-04',6);
INSERT INTO "latest" VALUES('asset_materialized','raw/flights','2013-01-05',7);
INSERT INTO "latest" VALUES('asset_materialized','raw/flights','2013-01-06',8);
INSERT INTO "latest" VALUES('asset_materialized','raw/flights','2013-01-07',9);
INSERT INTO "latest" VALUES('asset_materialized','raw/flights','2013-01-08',10);
INSERT INTO "latest" VALUES('asset_materialized','raw/flights','2013-01-09',11);
INSERT INTO "latest" VALUES('asset_materialized','raw/flights','2013-01-10',12);
INSERT INTO "latest" VALUES('asset_observed','weather','',2);
INSERT INTO "latest" VALUES('step_failed','evaluation','',19);
CREATE TABLE leases (
	name TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	CONSTRAINT pk_leases PRIMARY KEY (name), 
	CONSTRAINT fk_leases_run_id FOREIGN KEY(run_id) REFERENCES holders (run_id)
)
 WITHOUT ROWID

;
INSERT INTO "leases" VALUES('model','20130301T060000-7d3f21c8');
CREATE TABLE positions (
	follower TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	CONSTRAINT pk_positions PRIMARY KEY (follower)
)
 WITHOUT ROWID

;
INSERT INTO "positions" VALUES('mlflow',7);
CREATE INDEX ix_events_asset ON events (asset, seq);
CREATE INDEX ix_events_kind ON events (kind, seq);
CREATE INDEX ix_events_run_id ON events (run_id, seq);
CREATE INDEX ix_leases_run_id ON leases (run_id);
COMMIT;
