"""What assets need from outside, declared once and given by parameter name."""

from __future__ import annotations

from typing import ClassVar

from mlorch.definitions.fields import Fields


class ConfigurableResource(Fields):
    """A resource, configured by its fields; an asset takes it by annotating a parameter with its class.

    A field may be an `EnvVar`, read when the run starts, or another resource.
    """

    mlorch_role: ClassVar[str] = "resource"
