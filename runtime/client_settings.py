"""The settings of the commands for a running gateway: a part of `Settings`, and all that such a command reads, in a third of the
time."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ClientSettings(BaseSettings):
    """Which gateway, and the key for it. Frozen once built."""

    model_config = SettingsConfigDict(
        env_prefix="MURMUR_", env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True, populate_by_name=True
    )

    # Commands for a running gateway
    gateway_url: str = Field("http://127.0.0.1:8511", description="the gateway that `murmur submit`, `status` and so on use")
    api_key: SecretStr | None = Field(None, description="the key that these commands send, if the gateway requires one")
