"""Image references: what the string in a pod's `image` means, and which mistake is in one that means nothing.

The grammar is that of github.com/distribution/reference v0.6.0 (kubelet 1.30 and later, containerd 1.7.27 and
later), on request the one before it (docker/distribution 2.8, kubelet up to 1.28, and containers/image, which
CRI-O uses).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from kubectl_imagepull.text import spelled

from .. import lazily

DOCKER_HUB = "docker.io"
_DOCKER_HUB_LEGACY = "index.docker.io"
_DOCKER_HUB_HOST = "registry-1.docker.io"
_LONGEST_NAME = 255
_HEX_LENGTH = {"sha256": 64, "sha384": 96, "sha512": 128}

# The grammar of distribution/reference regexp.go, put so that each check goes over the text once and cannot
# backtrack: the characters that may occur, and the neighbours that may not.
_NAME = lazily.pattern(r"[a-z0-9._/-]+")
_NAME_BAD = lazily.pattern(r"\A[._/-]|[._/-]\Z|[./][._/-]|[_-][./]|_-|-_|___")
_HOST = lazily.pattern(r"[A-Za-z0-9.-]+")
_HOST_BAD = lazily.pattern(r"\A[.-]|[.-]\Z|[.][.-]|-[.]")
_IPV6_HOST = lazily.pattern(r"\[[A-Fa-f0-9:]+\]")
_PORT = lazily.pattern(r"[0-9]+")
_TAG = lazily.pattern(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_ALGORITHM = lazily.pattern(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*")
_HEX = lazily.pattern(r"[0-9A-Fa-f]{32,}")
_LOWER_HEX = lazily.pattern(r"[0-9a-f]+")
_IDENTIFIER = lazily.pattern(r"[a-f0-9]{64}")
# go-digest digest.go: what an algorithm that is not known must look like to be called unsupported
_DIGEST_ALGORITHM = lazily.pattern(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*")


class InvalidReference(ValueError):
    """The text is no image reference.

    mistake: kebab-case id of what is wrong; text: the input; suggestion: a reference that parses and can only
    be what was meant, or None; grammar_error: what the runtime's parser says, as it stands in kubelet
    messages behind `couldn't parse image name "…": `. str() is one line for a person: what is wrong and the
    way out.
    """

    def __init__(
        self, text: str, mistake: str, sentence: str, grammar_error: str, suggestion: str | None = None
    ) -> None:
        super().__init__(sentence)
        self.text = text
        self.mistake = mistake
        self.grammar_error = grammar_error
        self.suggestion = suggestion


@dataclass(frozen=True)
class Reference:
    """An image reference taken apart. tag and digest are "" when not written; digest is `algorithm:hex`.

    domain is "" for a first component that the grammar takes for a host by its dot or colon but does not
    accept as one (an underscore in it): it is then part of path.
    """

    domain: str
    path: str
    tag: str
    digest: str
    as_written: str
    legacy: bool = False

    @classmethod
    def parse(cls, text: str, legacy: bool = False) -> Reference:
        """Parse text as the kubelet does; with legacy, as kubelets up to 1.28 and CRI-O do.

        Raises InvalidReference, for anything at all that is not a reference. Takes time linear in the length
        of text.
        """
        if not isinstance(text, str):
            shown = type(text).__name__
            raise InvalidReference("", "not-text", f"the image is not text but {shown}", "invalid reference format")
        try:
            domain, path, tag, digest = _parse(text, legacy)
        except _GrammarError as wrong:
            raise _diagnose(text, legacy, str(wrong)) from None
        return cls(domain, path, tag, digest, text, legacy)

    @property
    def repository(self) -> str:
        """domain/path, the name that the kubelet looks up in its keyring (kubernetes pkg/util/parsers)."""
        return f"{self.domain}/{self.path}" if self.domain else self.path

    @property
    def normalised(self) -> str:
        """What containerd resolves (distribution/reference ParseDockerRef): a digest drops the tag, neither
        adds :latest.
        """
        return f"{self.repository}@{self.digest}" if self.digest else f"{self.repository}:{self.tag or 'latest'}"

    @property
    def registry_host(self) -> str:
        """The host, with port if written, that is asked when no mirror is configured (containerd
        DefaultHost).
        """
        host = self.domain or self.path.partition("/")[0]
        return _DOCKER_HUB_HOST if host == DOCKER_HUB else host

    @property
    def manifest_reference(self) -> str:
        """The last part of the manifest URL: the digest if there is one, else the tag, else latest."""
        return self.digest or self.tag or "latest"

    def __str__(self) -> str:
        return self.as_written


def registry_of(image: str) -> str:
    """The domain of an image as it is written, docker.io where none is; "" for what is no reference."""
    try:
        return Reference.parse(image).domain
    except InvalidReference:
        return ""


class _GrammarError(ValueError):
    pass


_FORMAT = "invalid reference format"


def _parse(text: str, legacy: bool) -> tuple[str, str, str, str]:
    """distribution/reference ParseNormalizedNamed -> domain, path, tag, digest; raises _GrammarError with its
    words.
    """
    if _IDENTIFIER.fullmatch(text):
        raise _GrammarError(f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings")
    domain, remainder = _split_domain(text, legacy)
    remote = remainder.partition(":")[0]
    if remote.lower() != remote:
        named = "repository name" if legacy else f"repository name ({remote})"
        raise _GrammarError(f"{_FORMAT}: {named} must be lowercase")
    full = f"{domain}/{remainder}"
    parts = _match(full, legacy)
    if parts is None:
        lowered = _match(full.lower(), legacy) is not None
        raise _GrammarError("repository name must be lowercase" if lowered else _FORMAT)
    domain, path, tag, digest = parts
    if len(path) + (len(domain) + 1 if legacy and domain else 0) > _LONGEST_NAME:
        raise _GrammarError("repository name must not be more than 255 characters")
    if digest:
        _check_digest(digest)
    return domain, path, tag, digest


def _split_domain(text: str, legacy: bool) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    if not slash:
        return DOCKER_HUB, f"library/{text}"
    if "." in first or ":" in first or first == "localhost" or (not legacy and first.lower() != first):
        domain = DOCKER_HUB if first == _DOCKER_HUB_LEGACY else first
    else:
        domain, rest = DOCKER_HUB, text
    return domain, f"library/{rest}" if domain == DOCKER_HUB and "/" not in rest else rest


def _match(full: str, legacy: bool) -> tuple[str, str, str, str] | None:
    """The parts of a name with at least one slash, by the grammar alone, or None."""
    left, at, digest = full.partition("@")
    if at and not _is_digest(digest):
        return None
    colon = left.rfind(":")
    name, tag = left, ""
    if colon > left.rfind("/"):
        name, tag = left[:colon], left[colon + 1 :]
        if not _TAG.fullmatch(tag):
            return None
    domain, _, path = name.partition("/")
    if _is_domain(domain, legacy) and _is_name(path):
        return domain, path, tag, digest
    return ("", name, tag, digest) if _is_name(name) else None


def _is_name(text: str) -> bool:
    return bool(_NAME.fullmatch(text)) and not _NAME_BAD.search(text)


def _is_domain(text: str, legacy: bool) -> bool:
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host = text
    elif not _PORT.fullmatch(port):
        return False
    if not legacy and _IPV6_HOST.fullmatch(host):
        return True
    return bool(_HOST.fullmatch(host)) and not _HOST_BAD.search(host)


def _is_digest(text: str) -> bool:
    algorithm, _, encoded = text.partition(":")
    return bool(_HEX.fullmatch(encoded)) and bool(_ALGORITHM.fullmatch(algorithm))


def _check_digest(digest: str) -> None:
    """go-digest Validate, for what the reference grammar lets through."""
    algorithm, _, encoded = digest.partition(":")
    length = _HEX_LENGTH.get(algorithm)
    if length is None:
        known = _DIGEST_ALGORITHM.fullmatch(algorithm)
        raise _GrammarError("unsupported digest algorithm" if known else "invalid checksum digest format")
    if len(encoded) != length:
        raise _GrammarError("invalid checksum digest length")
    if not _LOWER_HEX.fullmatch(encoded):
        raise _GrammarError("invalid checksum digest format")


# ------------------------------------------------------------------------------------------------------------
# What is wrong with a text that does not parse. Each check looks for one mistake and may fix it; the first
# that applies names the mistake, and what is left is fixed in the same way, so that several slips at
# once still lead to one suggestion.

_SHOWN = 80
_FIXED = 4096  # longer texts are not fixed: nobody wrote them by hand
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_WEB_SITES = frozenset({"github.com", "gitlab.com", "bitbucket.org", "www.docker.com", "docs.docker.com"})
_QUOTES = "\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb"
# what word processors and chat clients make of ASCII
_LOOKALIKES = str.maketrans(
    {
        "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-",
        "\uff1a": ":", "\u2236": ":", "\uff0f": "/", "\u2044": "/", "\u2024": ".", "\uff20": "@",
    }
)  # fmt: skip
_SCHEME = lazily.pattern(r"[A-Za-z][A-Za-z0-9+.-]{0,30}:/{1,2}(?=[^/])")
_CONTROL = lazily.pattern(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PLACEHOLDER = lazily.pattern(r"\$[{(A-Za-z_]|\{\{|\}\}|[<>]|%[A-Z_]{2,40}%")
_BLANK_AT_SEPARATOR = lazily.pattern(r"[^\S\r\n]{1,9}(?=[:@/])|(?<=[:@/])[^\S\r\n]{1,9}")
_OUTSIDE = lazily.pattern(r"[^A-Za-z0-9._/:@\[\]-]")
_TAG_OUTSIDE = lazily.pattern(r"[^A-Za-z0-9_.-]")
_SEPARATED_DIGEST = lazily.pattern(r"(sha256|sha384|sha512)[-=_/]([0-9A-Fa-f]+)", re.IGNORECASE)


@dataclass(frozen=True)
class _Mistake:
    id: str
    sentence: str
    fixed: str | None = None


def _shown(text: str) -> str:
    """The input, shortened and with nothing in it that a terminal acts on."""
    cut = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 20]}…{text[-16:]}"
    return spelled(cut)


def _diagnose(text: str, legacy: bool, grammar_error: str, depth: int = 0) -> InvalidReference:
    found = next((m for check in _CHECKS if (m := check(text, grammar_error)) is not None), None)
    if found is None:
        found = _Mistake("format", f'"{_shown(text)}" is not of the form [host[:port]/]path[:tag][@digest]')
    suggestion = None
    if found.fixed is not None and found.fixed != text and len(text) <= _FIXED and depth < 6:
        try:
            _parse(found.fixed, legacy)
            suggestion = found.fixed
        except _GrammarError as wrong:
            suggestion = _diagnose(found.fixed, legacy, str(wrong), depth + 1).suggestion
    sentence = found.sentence
    if suggestion is not None:
        sentence += f": write {_shown(suggestion)}"
    return InvalidReference(text, found.id, sentence, grammar_error, suggestion)


def _empty(text: str, error: str) -> _Mistake | None:
    if text.strip().strip(_INVISIBLE):
        return None
    return _Mistake("empty", "the image is empty: it needs at least a name, such as registry.example.com/team/app:1.0")


def _white_space_around(text: str, error: str) -> _Mistake | None:
    stripped = text.strip().strip(_INVISIBLE).strip()
    if stripped == text:
        return None
    around = text[: len(text) - len(text.lstrip())] + text[len(text.rstrip()) :]
    if "\n" in around or "\r" in around:
        return _Mistake("line-break", f'a line break is part of the image "{_shown(text)}"', stripped)
    if around:
        return _Mistake("white-space", f'a space is part of the image "{_shown(text)}"', stripped)
    return _Mistake("invisible-character", f'an invisible character is part of the image "{_shown(text)}"', stripped)


def _quoted(text: str, error: str) -> _Mistake | None:
    bare = text.strip(_QUOTES)
    if bare == text or not bare:
        return None
    return _Mistake("quotes", f"quotes are part of the image {_shown(text)}", bare)


def _placeholder(text: str, error: str) -> _Mistake | None:
    found = _PLACEHOLDER.search(text)
    if found is None:
        return None
    return _Mistake(
        "placeholder",
        f'"{_shown(text)}" still has a placeholder in it '
        f"({_shown(text[found.start() : found.start() + 24])}): what should have filled it in (Helm, "
        "kustomize, envsubst, the pipeline) did not",
    )


def _scheme(text: str, error: str) -> _Mistake | None:
    found = _SCHEME.match(text)
    if found is None:
        return None
    rest = text[found.end() :].rstrip("/")
    return _Mistake(
        "scheme",
        f"an image has no scheme in front: {_shown(found.group())} does not belong there",
        None if rest.partition("/")[0] in _WEB_SITES else _web_address(rest),
    )


def _web_address(text: str) -> str:
    """The image behind the address of a page about it on Docker Hub; other text as it is."""
    for page in ("hub.docker.com/r/", "hub.docker.com/repository/docker/"):
        if text.startswith(page):
            return f"{DOCKER_HUB}/{text[len(page) :]}"
    return f"{DOCKER_HUB}/library/{text[17:]}" if text.startswith("hub.docker.com/_/") else text


def _credentials(text: str, error: str) -> _Mistake | None:
    before, at, after = text.rpartition("@")
    if not at or "/" not in after or "/" in before or after.startswith(("sha256", "sha512")):
        return None
    # never repeat what stands before the @: it is a user name and perhaps a password
    return _Mistake(
        "credentials",
        "a user name or password stands in the image: credentials belong in a pull secret",
        after,
    )


def _white_space_inside(text: str, error: str) -> _Mistake | None:
    found = re.search(r"\s", text)
    if found is None:
        return None
    fixed = _BLANK_AT_SEPARATOR.sub("", text) if len(text) <= _FIXED else text
    kind, words = ("line-break", "a line break") if found.group() in "\r\n" else ("white-space", "a space")
    return _Mistake(kind, f'{words} is in the image "{_shown(text)}"', fixed if fixed != text else None)


def _control_character(text: str, error: str) -> _Mistake | None:
    found = _CONTROL.search(text)
    if found is None:
        return None
    return _Mistake(
        "control-character",
        f'the control character U+{ord(found.group()):04X} is in the image "{_shown(text)}"',
    )


def _not_ascii(text: str, error: str) -> _Mistake | None:
    if text.isascii():
        return None
    fixed = text.translate(_LOOKALIKES).translate({ord(c): None for c in _INVISIBLE + _QUOTES})
    first = next(c for c in text if ord(c) > 127)
    shown = first if first.isprintable() else ""
    return _Mistake(
        "not-ascii",
        f'the character {shown}{" " if shown else ""}(U+{ord(first):04X}) in "{_shown(text)}" cannot be '
        "part of an image",
        fixed if fixed.isascii() else None,
    )


def _digest_part(text: str, error: str) -> _Mistake | None:
    name, at, digest = text.partition("@")
    if not at:
        return None
    if not name:
        return _Mistake("no-name", f'there is no name before the digest in "{_shown(text)}"')
    if not digest:
        return _Mistake(
            "empty-digest", f'nothing follows the @ in "{_shown(text)}": a digest is @sha256: and 64 digits'
        )
    if "@" in digest:
        return _Mistake("two-digests", f'there is more than one @ in "{_shown(text)}"')
    algorithm, colon, encoded = digest.partition(":")
    if not colon:
        return _digest_without_colon(text, name, digest)
    if ":" in encoded:
        encoded, _, tag = encoded.partition(":")
        fits = _HEX_LENGTH.get(algorithm) == len(encoded) and _LOWER_HEX.fullmatch(encoded) and _TAG.fullmatch(tag)
        return _Mistake(
            "tag-after-digest",
            f'the tag stands behind the digest in "{_shown(text)}": the order is name:tag@digest',
            f"{name}:{tag}@{algorithm}:{encoded}" if fits and not _has_tag(name) else None,
        )
    length = _HEX_LENGTH.get(algorithm.lower())
    if length is None:
        return _Mistake(
            "digest-algorithm",
            f'"{_shown(algorithm)}" in "{_shown(text)}" is no digest algorithm that runtimes know: sha256, '
            "sha384, sha512",
        )
    if not re.fullmatch(r"[0-9A-Fa-f]*", encoded):
        bad = re.search(r"[^0-9A-Fa-f]", encoded)
        what = _shown(bad.group()) if bad else ""
        return _Mistake("digest-characters", f'a digest is hexadecimal, "{what}" in "{_shown(text)}" is not')
    if len(encoded) != length:
        return _Mistake(
            "digest-length",
            f'the digest in "{_shown(text)}" has {len(encoded)} digits, {algorithm.lower()} has {length}: '
            "copy all of it",
        )
    if digest != digest.lower():
        return _Mistake(
            "digest-upper-case",
            f'a digest is lower case, not as in "{_shown(text)}"',
            f"{name}@{digest.lower()}",
        )
    return None


def _digest_without_colon(text: str, name: str, digest: str) -> _Mistake:
    separated = _SEPARATED_DIGEST.fullmatch(digest)
    if separated:
        fixed = f"{name}@{separated.group(1)}:{separated.group(2)}".lower() if name.islower() else None
        return _Mistake("digest-separator", f'a colon belongs behind the algorithm in "{_shown(text)}"', fixed)
    if re.fullmatch(r"[0-9A-Fa-f]{32,}", digest):
        known = {length: algorithm for algorithm, length in _HEX_LENGTH.items()}.get(len(digest))
        return _Mistake(
            "digest-without-algorithm",
            f'the digest in "{_shown(text)}" lacks its algorithm, as in @sha256:…',
            f"{name}@{known}:{digest.lower()}" if known else None,
        )
    return _Mistake(
        "tag-for-digest",
        f'"{_shown(digest)}" is no digest: @ takes sha256: and 64 digits, a tag goes behind a colon',
        f"{name}:{digest}" if _TAG.fullmatch(digest) and not _has_tag(name) else None,
    )


def _has_tag(name: str) -> bool:
    return name.rfind(":") > name.rfind("/")


def _tag_part(text: str, error: str) -> _Mistake | None:
    left = text.partition("@")[0]
    slash = left.rfind("/")
    name, colon, tag = left[slash + 1 :].partition(":")
    if not colon:
        return None
    before = left[: slash + 1] + name
    if not name or (
        slash < 0 and (left.startswith("[") or (_IPV6_HOST.fullmatch(f"[{left}]") and left.count(":") > 2))
    ):
        return None
    if not tag:
        return _Mistake(
            "empty-tag",
            f'nothing follows the colon in "{_shown(text)}": the tag is empty (was a variable not set?), '
            "or the colon is too much",
        )
    algorithm, second, _ = tag.partition(":")
    if second and algorithm.lower() in _HEX_LENGTH:
        return _Mistake(
            "digest-for-tag",
            f'a digest goes behind @, not behind a colon as in "{_shown(text)}"',
            f"{before}@{tag}" if "@" not in text else None,
        )
    if second:
        return _Mistake("two-tags", f'there is more than one tag in "{_shown(text)}"')
    bad = _TAG_OUTSIDE.search(tag)
    if bad:
        why = " (SemVer build metadata: most tools write _ for it)" if bad.group() == "+" else ""
        return _Mistake(
            "tag-characters",
            f'a tag is made of letters, digits, "_", "." and "-": "{_shown(bad.group())}" in '
            f'"{_shown(text)}" is none of them{why}',
        )
    if tag[0] in ".-":
        return _Mistake("tag-start", f'a tag cannot begin with "{tag[0]}" as in "{_shown(text)}"')
    if len(tag) > 128:
        return _Mistake("tag-length", f'the tag in "{_shown(text)}" has {len(tag)} characters, 128 are allowed')
    return None


def _slashes(text: str, error: str) -> _Mistake | None:
    left, at, digest = text.partition("@")
    head, slash, last = left.rpartition("/")
    if left.startswith("/"):
        return _Mistake("leading-slash", f'"{_shown(text)}" begins with a slash', text.lstrip("/"))
    if slash and not last.partition(":")[0]:
        # "docker.io/" and "nginx/": what stays must not turn a host into an image on Docker Hub
        host = "/" not in head and ("." in head or ":" in head or head == "localhost")
        fixed = None if host else f"{head.rstrip('/')}{last}{at}{digest}"
        words = f'"{_shown(text)}" names a registry but no image' if host else f'"{_shown(text)}" ends with a slash'
        return _Mistake("no-image" if host else "trailing-slash", words, fixed)
    if "//" in left:
        return _Mistake(
            "double-slash",
            f'there are two slashes in a row in "{_shown(text)}"',
            re.sub("/{2,}", "/", left) + at + digest,
        )
    return None


def _host_part(text: str, error: str) -> _Mistake | None:
    first, slash, _ = text.partition("/")
    if not slash:
        bare = text.strip("[]")
        if text.startswith("[") or (text.count(":") > 1 and _IPV6_HOST.fullmatch(f"[{bare}]")):
            return _Mistake("no-image", f'"{_shown(text)}" names a registry by address but no image')
        return None
    if first.count(":") > 1 and not first.startswith("["):
        return _Mistake(
            "ipv6-brackets",
            f'an IPv6 address stands in brackets, not as in "{_shown(text)}": [address]:port/image',
        )
    if first.startswith("["):
        return _ipv6(text, first)
    if "." not in first and ":" not in first:
        return None
    host, colon, port = first.partition(":")
    if colon and not _PORT.fullmatch(port):
        return _Mistake(
            "port",
            f'"{_shown(first)}" in "{_shown(text)}" is read as host and port because a slash follows, '
            f'and "{_shown(port)}" is no port number; a tag stands at the end and holds no slash',
        )
    if "_" in host and _is_domain(host.replace("_", "-"), False):
        return _Mistake("host-underscore", f'"{_shown(host)}" is no host name: an underscore cannot be in one')
    if not _is_domain(first, False):
        return _Mistake("host", f'"{_shown(host)}" in "{_shown(text)}" is no host name')
    return None


def _ipv6(text: str, first: str) -> _Mistake | None:
    if not _is_domain(first, False):
        return _Mistake(
            "ipv6",
            f'"{_shown(first)}" is no IPv6 address that an image can name (no zone, no IPv4 part): [fd00::1]:5000',
        )
    if _match(text, False) is None:
        return None
    return _Mistake(
        "ipv6-not-supported",
        f'kubelets up to 1.28 and CRI-O take no IPv6 address as registry: "{_shown(text)}"',
    )


def _path_part(text: str, error: str) -> _Mistake | None:
    left = text.partition("@")[0]
    first, slash, rest = left.partition("/")
    hosted = bool(slash) and ("." in first or ":" in first or first == "localhost")
    path = rest if hosted else left
    colon = path.find(":")
    if colon >= 0 and "/" in path[colon:]:
        branch = path[colon + 1 :]
        return _Mistake(
            "tag-slash",
            f'a tag cannot contain a slash, "{_shown(branch)}" in "{_shown(text)}" does (a branch name?)',
        )
    name = path if colon < 0 else path[:colon]
    bad = re.search(r"[^A-Za-z0-9._/-]", name)
    if bad:
        return _Mistake(
            "path-characters", f'"{_shown(bad.group())}" in "{_shown(text)}" cannot be part of an image name'
        )
    if "lowercase" in error:
        fixed = (f"{first}/" if hosted else "") + name.lower() + path[len(name) :] + text[len(left) :]
        return _Mistake("upper-case", f'an image name is lower case, not as in "{_shown(text)}"', fixed)
    if "64-byte" in error:
        return _Mistake(
            "hex-name",
            f'"{_shown(text)}" looks like an image ID: 64 hexadecimal digits are no name, a digest goes '
            "behind name@sha256:",
        )
    if "255" in error:
        return _Mistake("name-length", f'the name in "{_shown(text)}" is longer than 255 characters')
    for component in name.split("/"):
        if not component or component[0] in "._-" or component[-1] in "._-" or _NAME_BAD.search(component):
            return _Mistake(
                "path-component",
                f'"{_shown(component)}" in "{_shown(text)}" is no name: letters and digits, with single ".", '
                '"_", "__" or dashes between them, never at its ends',
            )
    return None


_CHECKS: tuple[Callable[[str, str], _Mistake | None], ...] = (
    _empty,
    _white_space_around,
    _quoted,
    _placeholder,
    _scheme,
    _credentials,
    _white_space_inside,
    _control_character,
    _not_ascii,
    _digest_part,
    _tag_part,
    _slashes,
    _host_part,
    _path_part,
)
