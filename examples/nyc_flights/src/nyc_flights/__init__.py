"""Will a flight from New York arrive late? A model that is trained again each month of 2013."""
