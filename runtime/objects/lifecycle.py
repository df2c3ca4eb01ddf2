"""Lifecycle rules of an S3 store, for `murmur buckets apply`. Which rules: `runtime/retention.py`.

The rules of others are written back element by element as the store returned them: neither boto3 nor the `minio` SDK models
all that stores accept, and a rule that loses its condition on the way deletes more (decision 0008).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from runtime.objects import s3_versions
from runtime.objects.s3 import connect
from runtime.objects.s3_errors import code_of, is_denied, status_of, translated
from runtime.objects.store import StoreUnavailable
from runtime.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import LifecycleRuleOutputTypeDef, LifecycleRuleTypeDef

OURS = "murmur-"  # how the ids of our rules begin
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
NO_SUCH_API = frozenset({HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.METHOD_NOT_ALLOWED})
REFUSED = NO_SUCH_API | {HTTPStatus.BAD_REQUEST}


@dataclass(frozen=True, slots=True)
class Rule:
    """Removes the objects whose keys begin with `prefix`, so many days after they were written; without a prefix the unfinished
    multipart uploads, so many days after they were begun. Or, in a bucket with versions, the earlier ones of keys that begin with
    one of `versions_of`, so many days after they were replaced or deleted, and then the delete markers."""

    days: int
    prefix: str = ""
    versions_of: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        return self.prefix or ("earlier versions" if self.versions_of else "unfinished uploads")

    def __str__(self) -> str:
        return f"{self.what} after {self.days} {'day' if self.days == 1 else 'days'}"

    def documents(self) -> "Iterator[LifecycleRuleTypeDef]":
        for prefix in self.versions_of:
            yield {
                **_filtered(f"earlier-{prefix}", prefix),
                "NoncurrentVersionExpiration": {"NoncurrentDays": self.days},
                "Expiration": {"ExpiredObjectDeleteMarker": True},
            }
        if self.prefix:
            yield {**_filtered(self.prefix, self.prefix), "Expiration": {"Days": self.days}}
        elif not self.versions_of:
            yield {**_filtered(self.what, ""), "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": self.days}}


def _filtered(name: str, prefix: str) -> "LifecycleRuleTypeDef":
    return {
        "ID": OURS + name.rstrip("/").replace(" ", "-").replace("/", "-"),
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
    }


def apply(settings: Settings, wanted: Mapping[str, Sequence[Rule]]) -> list[str]:
    """Sets these rules, by bucket, beside those of others, and removes earlier ones of ours. Returns lines for the terminal:
    which rules a bucket has, and which the store lacks. Safe to repeat. Blocks; raises StoreUnavailable."""
    if settings.store == "directory":
        return []
    client = connect(settings)
    return [line for bucket, rules in wanted.items() for line in apply_to(client, bucket, rules)]


def apply_to(client: "S3Client", bucket: str, rules: Sequence[Rule]) -> Iterator[str]:
    """The same for one bucket."""
    try:
        configuration = _Configuration.of(client, bucket)
        if configuration is None:
            yield f"no lifecycle rules in {bucket}: the store does not support them"
            return
        if not s3_versions.is_versioned(client, bucket):
            rules = [rule for rule in rules if not rule.versions_of]
        is_new, accepted = configuration.change(rules)
    except StoreUnavailable as error:
        if not is_denied(error):
            raise
        yield f"no lifecycle rules in {bucket}: the store does not permit this access key to read and to set them"
        return
    if accepted or is_new:
        yield f"lifecycle rules of {bucket}: {'set' if is_new else 'exist'}: {', '.join(map(str, accepted)) or 'none'}"
    if missing := [rule.what for rule in rules if rule not in accepted]:
        yield f"no lifecycle rule in {bucket} for {', '.join(missing)}: the store does not support it"


@dataclass(frozen=True, slots=True)
class _Configuration:
    """Of one bucket, as it was read. `others`: rules that are not ours."""

    client: "S3Client"
    bucket: str
    ours: Sequence["LifecycleRuleOutputTypeDef"] = ()
    others: Sequence[ElementTree.Element] = ()

    @classmethod
    def of(cls, client: "S3Client", bucket: str) -> "_Configuration | None":
        """None: the store has no such API."""
        from botocore.exceptions import ClientError

        bodies: list[bytes] = []

        def receive(response_dict: Mapping[str, Any], **_: object) -> None:
            bodies.append(response_dict["body"])

        try:
            with _hook(client, "before-parse.s3.GetBucketLifecycleConfiguration", receive), translated(bucket):
                rules = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        except ClientError as error:
            if code_of(error) == "NoSuchLifecycleConfiguration":
                return cls(client, bucket)
            if status_of(error) in NO_SUCH_API:
                return None
            raise
        return cls(client, bucket, [rule for rule in rules if rule.get("ID", "").startswith(OURS)], list(_others(bodies[-1])))

    def change(self, rules: Sequence[Rule]) -> tuple[bool, Sequence[Rule]]:
        """Whether ours are other ones now, and which of them the store accepted. A store refuses a configuration as a whole: then
        they are added one by one."""
        if self._has(rules):
            return False, rules
        if not self._write(rules):
            accepted: list[Rule] = []
            for rule in rules:
                if len(rules) > 1 and self._write([*accepted, rule]):
                    accepted.append(rule)
            if not accepted and self.ours:
                self._write(())
            rules = accepted
        return not self._has(rules), rules

    def _has(self, rules: Iterable[Rule]) -> bool:
        return {rule["ID"]: rule for rule in _documents(rules)} == {rule["ID"]: rule for rule in self.ours}

    def _write(self, rules: Sequence[Rule]) -> bool:
        """False: the store refuses them."""
        from botocore.exceptions import ClientError

        def add_others(params: dict[str, Any], **_: object) -> None:
            body = _parsed(params["body"])
            body.extend(self.others)
            params["body"] = ElementTree.tostring(body, default_namespace=NAMESPACE.strip("{}"))

        try:
            with _hook(self.client, "before-call.s3.PutBucketLifecycleConfiguration", add_others), translated(self.bucket):
                if rules or self.others:
                    self.client.put_bucket_lifecycle_configuration(
                        Bucket=self.bucket, LifecycleConfiguration={"Rules": [*_documents(rules)]}
                    )
                else:
                    self.client.delete_bucket_lifecycle(Bucket=self.bucket)  # one without rules is refused
        except ClientError as error:
            if status_of(error) not in REFUSED:
                raise
            return False
        return True


def _documents(rules: Iterable[Rule]) -> "Iterator[LifecycleRuleTypeDef]":
    for rule in rules:
        yield from rule.documents()


def _others(body: bytes) -> Iterator[ElementTree.Element]:
    for rule in _parsed(body).iter(f"{NAMESPACE}Rule"):
        if not (rule.findtext(f"{NAMESPACE}ID") or "").startswith(OURS):
            yield rule


def _parsed(body: bytes) -> ElementTree.Element:
    """With all elements in S3's namespace, which some stores leave out."""
    root = ElementTree.fromstring(body)  # noqa: S314 - botocore parses the store's response in the same way
    for element in root.iter():
        element.tag = NAMESPACE + element.tag.rpartition("}")[2]
    return root


@contextmanager
def _hook(client: "S3Client", event: str, handler: Callable[..., None]) -> Iterator[None]:
    client.meta.events.register(event, handler)
    try:
        yield
    finally:
        client.meta.events.unregister(event, handler)
