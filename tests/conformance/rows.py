"""The table: kubeconfigs, flags and environments in which a program has to find a cluster and an identity.

A word between @ is filled in from the servers (`servers.World`): @A@ is the URL of API server A, @root@ the file of its CA,
@root.64@ the same in base64, @dir@ the row's own folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

V1, BETA = "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"


@dataclass(frozen=True)
class Row:
    """One situation."""

    kind: str
    """What it is about."""
    name: str
    """Its own name, unique within its kind."""
    files: dict[str, Any] = field(default_factory=dict)
    """Files in the row's folder: a text as it is, anything else as JSON, which is YAML. `plugin` and those in bin/ may be run."""
    args: tuple[str, ...] = ()
    """Flags."""
    env: dict[str, str] = field(default_factory=dict)
    """Variables beside HOME and PATH; KUBECONFIG is @dir@/config where there is such a file and nothing else is said."""
    pod: bool = False
    """Whether it runs in a pod: with a service account's files and variables."""

    @property
    def id(self) -> str:
        return f"{self.kind}: {self.name}"


def config(
    cluster: dict[str, Any] | None = None,
    user: dict[str, Any] | None = None,
    context: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A kubeconfig with one cluster, user and context, all of the name c."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "@A@", "certificate-authority": "@root@", **(cluster or {})}}],
        "users": [{"name": "c", "user": {"token": "t"} if user is None else user}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c", **(context or {})}}],
        "current-context": "c",
        **more,
    }


def bare(cluster: dict[str, Any], user: dict[str, Any] | None = None) -> dict[str, Any]:
    """The same, whose cluster has nothing but what is given."""
    found = config(user=user)
    found["clusters"][0]["cluster"] = cluster
    return found


def named(name: str, server: str, current: bool = False, token: str = "") -> dict[str, Any]:
    """A kubeconfig whose cluster, user and context have another name."""
    return {
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority": "@root@"}}],
        "users": [{"name": name, "user": {"token": token or f"t-{name}"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": f"ns-{name}"}}],
        **({"current-context": name} if current else {}),
    }


def plugin(status: Any, version: str = V1, script: str = "", **more: Any) -> dict[str, Any]:
    """Files of a row whose user has a credential plugin that answers with this status; it writes down what it is told."""
    answer = {"kind": "ExecCredential", "apiVersion": version, "status": status}
    lines = [
        "#!/bin/sh",
        'printf "%s\\n" "$KUBERNETES_EXEC_INFO" >> @dir@/asked',
        script or f"cat <<'END'\n{json.dumps(answer)}\nEND",
    ]
    section = {"apiVersion": version, "command": "@dir@/plugin", "interactiveMode": "Never", **more}
    section = {k: v for k, v in section.items() if v is not None}
    return {"config": config(user={"exec": section}), "plugin": "\n".join(lines) + "\n"}


def files() -> Iterator[Row]:
    k = "kubeconfig files"
    one, two = named("one", "@A@", True), named("two", "@B@", True)
    yield Row(k, "one", {"config": config()})
    yield Row(k, "in the home folder", {".kube/config": config()})
    yield Row(k, "two, the first says the context", {"1": one, "2": two}, env={"KUBECONFIG": "@dir@/1:@dir@/2"})
    yield Row(k, "the other way round", {"1": one, "2": two}, env={"KUBECONFIG": "@dir@/2:@dir@/1"})
    yield Row(
        k, "an empty one and an absent one", {"0": "", "2": two}, env={"KUBECONFIG": "@dir@/0:@dir@/absent:@dir@/2"}
    )
    same = named("one", "@B@", token="other")
    yield Row(k, "the same names, the first wins", {"1": one, "2": same}, env={"KUBECONFIG": "@dir@/1:@dir@/2"})
    yield Row(
        k, "a flag beats the variable", {"1": one, "2": two}, ("--kubeconfig=@dir@/2",), {"KUBECONFIG": "@dir@/1"}
    )
    yield Row(k, "a flag for one that is absent", {"1": one}, ("--kubeconfig=@dir@/no",), {"KUBECONFIG": "@dir@/1"})
    yield Row(k, "only comments", {"config": "# nothing\n", ".kube/config": config()})
    split = {"1": {"current-context": "one"}, "2": one}
    yield Row(k, "the context here, its cluster there", split, env={"KUBECONFIG": "@dir@/1:@dir@/2"})


def contexts() -> Iterator[Row]:
    k = "context"
    both = {"1": named("one", "@A@", True), "2": named("two", "@B@")}
    env = {"KUBECONFIG": "@dir@/1:@dir@/2"}
    yield Row(k, "of a flag", both, ("--context=two",), env)
    yield Row(k, "of a flag, unknown", both, ("--context=three",), env)
    yield Row(k, "current, unknown", {"config": config(**{"current-context": "gone"})})
    yield Row(k, "none is current", {"config": config(**{"current-context": ""})})
    yield Row(k, "none is current, server and token of flags", {"config": config(**{"current-context": ""})},
              ("-s", "@A@", "--certificate-authority=@root@", "--token=f"))  # fmt: skip
    yield Row(k, "its cluster is absent", {"config": config(context={"cluster": "gone"})})
    yield Row(k, "its user is absent", {"config": config(context={"user": "gone"})})
    yield Row(k, "it has no user", {"config": config(context={"user": ""})})
    yield Row(k, "it is empty", {"config": {**config(), "contexts": [{"name": "c", "context": {}}]}})
    yield Row(k, "the same name twice", {"config": {**config(), "contexts": config()["contexts"] * 2}})


def clusters() -> Iterator[Row]:
    k = "cluster"
    both = {"1": named("one", "@A@", True), "2": named("two", "@B@")}
    env = {"KUBECONFIG": "@dir@/1:@dir@/2"}
    yield Row(k, "of a flag", both, ("--cluster=two",), env)
    yield Row(k, "of a flag, unknown", both, ("--cluster=three",), env)
    yield Row(k, "of a flag, and a server", both, ("--cluster=two", "--server=@A@"), env)
    yield Row(k, "unknown, and a server", both, ("--cluster=three", "--server=@A@"), env)
    yield Row(k, "without a server", {"config": bare({"certificate-authority": "@root@"})})
    yield Row(k, "the same name twice", {"config": {**config(), "clusters": config()["clusters"] * 2}})
    yield Row(k, "empty", {"config": bare({})})


def users() -> Iterator[Row]:
    k = "user"
    both = {"1": named("one", "@A@", True), "2": named("two", "@B@")}
    env = {"KUBECONFIG": "@dir@/1:@dir@/2"}
    yield Row(k, "of a flag", both, ("--user=two",), env)
    yield Row(k, "of a flag, unknown", both, ("--user=three",), env)
    yield Row(k, "unknown, and a token", both, ("--user=three", "--token=f"), env)
    yield Row(k, "empty", {"config": config(user={})})
    yield Row(k, "empty, and a token", {"config": config(user={})}, ("--token=f",))
    yield Row(k, "the same name twice", {"config": {**config(), "users": config()["users"] * 2}})


def namespaces() -> Iterator[Row]:
    k = "namespace"
    shop = {"config": config(context={"namespace": "shop"})}
    yield Row(k, "of the context", shop)
    yield Row(k, "of a flag", shop, ("-n", "till"))
    yield Row(k, "of a flag, joined", shop, ("--namespace=till",))
    both = {"1": named("one", "@A@", True), "2": named("two", "@B@")}
    yield Row(k, "of the flag's context", both, ("--context=two",), {"KUBECONFIG": "@dir@/1:@dir@/2"})
    yield Row(k, "stays with another cluster", both, ("--cluster=two",), {"KUBECONFIG": "@dir@/1:@dir@/2"})
    yield Row(k, "no text", {"config": config(context={"namespace": 7})})


def tokens() -> Iterator[Row]:
    k = "token"
    yield Row(k, "of the kubeconfig", {"config": config(user={"token": "secret"})})
    yield Row(k, "of a flag", {"config": config(user={"token": "secret"})}, ("--token=flag",))
    pair = {"client-certificate": "@jane@", "client-key": "@jane-key@"}
    yield Row(k, "of a flag beside a certificate", {"config": config(user=pair)}, ("--token=flag",))
    yield Row(k, "beside a certificate", {"config": config(user={"token": "secret", **pair})})
    yield Row(k, "with a line break", {"config": config(user={"token": "secret\n"})})
    yield Row(k, "a number", {"config": config(user={"token": 1234})})
    yield Row(
        k,
        "of a flag beside a name and a password",
        {"config": config(user={"username": "u", "password": "p"})},
        ("--token=f",),
    )


def token_files() -> Iterator[Row]:
    k = "token file"
    of_file = config(user={"tokenFile": "@dir@/token"})
    yield Row(k, "plain", {"config": of_file, "token": "of-file"})
    yield Row(k, "ends with a line break", {"config": of_file, "token": "of-file\n"})
    yield Row(k, "relative to the kubeconfig", {"sub/config": config(user={"tokenFile": "token"}), "sub/token": "rel"},
              env={"KUBECONFIG": "@dir@/sub/config"})  # fmt: skip
    yield Row(k, "absent", {"config": of_file})
    yield Row(k, "empty", {"config": of_file, "token": ""})
    yield Row(k, "blank", {"config": of_file, "token": " \n"})
    yield Row(
        k, "beside a token", {"config": config(user={"tokenFile": "@dir@/token", "token": "t"}), "token": "of-file"}
    )
    yield Row(k, "absent, beside a token", {"config": config(user={"tokenFile": "@dir@/token", "token": "t"})})
    yield Row(k, "beside a flag", {"config": of_file, "token": "of-file"}, ("--token=flag",))


def basic() -> Iterator[Row]:
    k = "name and password"
    yield Row(k, "of the kubeconfig", {"config": config(user={"username": "u", "password": "p:ä"})})
    yield Row(k, "of flags", {"config": config(user={})}, ("--username=u", "--password=p"))
    yield Row(
        k, "a flag for the password", {"config": config(user={"username": "u", "password": "p"})}, ("--password=q",)
    )
    yield Row(k, "a name alone", {"config": config(user={"username": "u"})})
    yield Row(k, "a password alone", {"config": config(user={"password": "p"})})
    yield Row(k, "beside a token", {"config": config(user={"username": "u", "password": "p", "token": "t"})})
    yield Row(
        k,
        "beside a certificate",
        {
            "config": config(
                user={"username": "u", "password": "p", "client-certificate": "@jane@", "client-key": "@jane-key@"}
            )
        },
    )


def certificates() -> Iterator[Row]:
    k = "client certificate"
    data = {"client-certificate-data": "@jane.64@", "client-key-data": "@jane-key.64@"}
    file = {"client-certificate": "@jane@", "client-key": "@jane-key@"}
    yield Row(k, "files", {"config": config(user=file)})
    yield Row(k, "data", {"config": config(user=data)})
    yield Row(
        k, "flags over data", {"config": config(user=data)}, ("--client-certificate=@joe@", "--client-key=@joe-key@")
    )
    yield Row(k, "a flag for the certificate alone", {"config": config(user=data)}, ("--client-certificate=@joe@",))
    yield Row(k, "file and data", {"config": config(user={**data, "client-certificate": "@joe@"})})
    yield Row(k, "no key", {"config": config(user={"client-certificate": "@jane@"})})
    yield Row(k, "another's key", {"config": config(user={**file, "client-key": "@joe-key@"})})
    yield Row(k, "absent", {"config": config(user={**file, "client-certificate": "@dir@/no"})})
    yield Row(k, "no PEM", {"config": config(user={**file, "client-certificate": "@dir@/bad"}), "bad": "x"})
    yield Row(k, "no base64", {"config": config(user={**data, "client-key-data": "%"})})


def authorities() -> Iterator[Row]:
    k = "authority"
    yield Row(k, "data", {"config": bare({"server": "@A@", "certificate-authority-data": "@root.64@"})})
    yield Row(k, "file and data", {"config": config({"certificate-authority-data": "@root.64@"})})
    yield Row(k, "another", {"config": config({"server": "@OTHER@"})})
    yield Row(k, "of a flag", {"config": config({"server": "@OTHER@"})}, ("--certificate-authority=@other@",))
    yield Row(k, "of a flag over data", {"config": bare({"server": "@OTHER@", "certificate-authority-data": "@root.64@"})},
              ("--certificate-authority=@other@",))  # fmt: skip
    yield Row(
        k,
        "without key usage and identifiers",
        {"config": bare({"server": "@LOOSE@", "certificate-authority": "@loose@"})},
    )
    yield Row(
        k, "the intermediate alone", {"config": config({"server": "@MIDDLE@", "certificate-authority": "@middle@"})}
    )
    yield Row(k, "the server's own certificate", {"config": config({"certificate-authority": "@of-a@"})})
    yield Row(k, "signed by itself", {"config": config({"server": "@ITSELF@", "certificate-authority": "@of-itself@"})})
    yield Row(
        k,
        "text around the PEM",
        {"config": config({"certificate-authority": "@dir@/ca"}), "ca": "# ours\n@root.pem@\nend\n"},
    )


def bad_authorities() -> Iterator[Row]:
    k = "authority that cannot be used"
    yield Row(k, "absent", {"config": config({"certificate-authority": "@dir@/no"})})
    yield Row(k, "no PEM", {"config": config({"certificate-authority": "@dir@/ca"}), "ca": "nonsense"})
    yield Row(k, "empty", {"config": config({"certificate-authority": "@dir@/ca"}), "ca": ""})
    yield Row(k, "no base64", {"config": bare({"server": "@A@", "certificate-authority-data": "%%"})})
    yield Row(k, "a folder", {"config": config({"certificate-authority": "@dir@"})})
    yield Row(k, "the system's", {"config": bare({"server": "@A@"})})
    yield Row(k, "a key in place of a certificate", {"config": config({"certificate-authority": "@jane-key@"})})


def names() -> Iterator[Row]:
    k = "server's name"
    yield Row(k, "another name in the certificate", {"config": config({"server": "@NAMED@"})})
    yield Row(k, "of the kubeconfig", {"config": config({"server": "@NAMED@", "tls-server-name": "kube.internal"})})
    yield Row(k, "of a flag", {"config": config({"server": "@NAMED@"})}, ("--tls-server-name=kube.internal",))
    yield Row(k, "wrong", {"config": config({"tls-server-name": "kube.internal"})})
    yield Row(
        k,
        "a flag's server drops it",
        {"config": config({"server": "@A@", "tls-server-name": "kube.internal"})},
        ("-s", "@B@"),
    )
    yield Row(k, "only a common name", {"config": config({"server": "@COMMON@"})})
    yield Row(k, "expired", {"config": config({"server": "@EXPIRED@"})})
    yield Row(k, "localhost", {"config": config({"server": "https://localhost:@A.port@"})})


def insecure() -> Iterator[Row]:
    k = "unchecked certificate"
    on = {"insecure-skip-tls-verify": True}
    yield Row(k, "of the kubeconfig", {"config": bare({"server": "@OTHER@", **on})})
    yield Row(k, "beside an authority", {"config": config(on)})
    yield Row(
        k, "of a flag over an authority", {"config": config({"server": "@OTHER@"})}, ("--insecure-skip-tls-verify",)
    )
    yield Row(
        k,
        "switched off by a flag",
        {"config": bare({"server": "@OTHER@", **on})},
        ("--insecure-skip-tls-verify=false",),
    )
    yield Row(
        k, "an authority's flag over it", {"config": bare({"server": "@A@", **on})}, ("--certificate-authority=@root@",)
    )
    yield Row(k, "expired", {"config": bare({"server": "@EXPIRED@", **on})})
    yield Row(
        k,
        "with a client certificate",
        {"config": bare({"server": "@OTHER@", **on}, {"client-certificate": "@jane@", "client-key": "@jane-key@"})},
    )
    yield Row(
        k,
        "yes, in YAML 1.1",
        {
            "config": "clusters: [{name: c, cluster: {server: '@OTHER@', insecure-skip-tls-verify: yes}}]\n"
            "users: [{name: c, user: {token: t}}]\ncontexts: [{name: c, context: {cluster: c, user: c}}]\ncurrent-context: c\n"
        },
    )
    yield Row(k, "a text", {"config": bare({"server": "@OTHER@", "insecure-skip-tls-verify": "true"})})


def impersonation() -> Iterator[Row]:
    k = "impersonation of the kubeconfig"
    yield Row(k, "a name", {"config": config(user={"token": "t", "as": "jane"})})
    yield Row(k, "groups", {"config": config(user={"token": "t", "as": "jane", "as-groups": ["a", "b"]})})
    yield Row(k, "a uid", {"config": config(user={"token": "t", "as": "jane", "as-uid": "u-1"})})
    extra = {"scopes": ["view", "edit"], "Odd key/ä": ["x"]}
    yield Row(k, "extra", {"config": config(user={"token": "t", "as": "jane", "as-user-extra": extra})})
    yield Row(k, "groups without a name", {"config": config(user={"token": "t", "as-groups": ["a"]})})
    yield Row(k, "extra without a name", {"config": config(user={"token": "t", "as-user-extra": {"a": ["b"]}})})
    yield Row(k, "no credential", {"config": config(user={"as": "jane"})})
    yield Row(k, "groups as a text", {"config": config(user={"token": "t", "as": "jane", "as-groups": "a"})})


def impersonation_flags() -> Iterator[Row]:
    k = "impersonation of flags"
    plain, jane = {"config": config()}, {"config": config(user={"token": "t", "as": "jane", "as-groups": ["a"]})}
    yield Row(k, "a name", plain, ("--as=joe",))
    yield Row(k, "groups", plain, ("--as=joe", "--as-group=a", "--as-group=b"))
    yield Row(k, "a uid", plain, ("--as=joe", "--as-uid=7"))
    yield Row(
        k, "extra", plain, ("--as=joe", "--as-user-extra=scopes=a", "--as-user-extra=scopes=b", "--as-user-extra=k=v=w")
    )
    yield Row(k, "extra that is no pair", plain, ("--as=joe", "--as-user-extra=scopes"))
    yield Row(k, "groups alone", plain, ("--as-group=a",))
    yield Row(k, "a name over the kubeconfig's", jane, ("--as=joe",))
    yield Row(k, "groups over the kubeconfig's", jane, ("--as-group=z",))
    yield Row(k, "over plain HTTP", {"config": config({"server": "@PLAIN@"})}, ("--as=joe", "--as-group=a"))


def plugins() -> Iterator[Row]:
    k = "credential plugin"
    token = {"token": "made"}
    yield Row(k, "v1", plugin(token))
    yield Row(k, "v1beta1", plugin(token, BETA))
    pair = {"clientCertificateData": "@jane.json@", "clientKeyData": "@jane-key.json@"}
    yield Row(k, "a certificate", plugin(pair))
    yield Row(k, "a certificate and a token", plugin({**pair, **token}))
    yield Row(k, "it has expired already", plugin({**token, "expirationTimestamp": "2020-01-01T00:00:00Z"}))
    yield Row(k, "it holds for long", plugin({**token, "expirationTimestamp": "2099-01-01T00:00:00Z"}))
    on_path = plugin(token, command="mine")
    yield Row(k, "on PATH", {"config": on_path["config"], "bin/mine": on_path["plugin"]})
    relative = plugin(token, command="./plugin")
    yield Row(k, "relative to the kubeconfig", relative)
    yield Row(
        k,
        "arguments and variables",
        plugin(
            None,
            script='printf \'{"kind":"ExecCredential","apiVersion":"%s","status":{"token":"%s-%s"}}\' '
            + V1
            + ' "$1" "$MINE"',
            args=["one"],
            env=[{"name": "MINE", "value": "two"}],
        ),
    )


def failing_plugins() -> Iterator[Row]:
    k = "failing credential plugin"
    yield Row(k, "exit code", plugin(None, script="exit 3"))
    yield Row(k, "absent", plugin(None, command="@dir@/no", installHint="get it from \x1b[31mus"))
    yield Row(k, "garbage", plugin(None, script="echo hello"))
    yield Row(k, "nothing", plugin(None, script="true"))
    yield Row(k, "no status", plugin(None))
    yield Row(k, "an empty status", plugin({}))
    yield Row(k, "a certificate without a key", plugin({"clientCertificateData": "@jane.json@"}))
    yield Row(
        k,
        "another version",
        plugin(None, script='echo \'{"kind":"ExecCredential","apiVersion":"' + BETA + '","status":{"token":"t"}}\''),
    )
    yield Row(
        k, "another kind", plugin(None, script='echo \'{"kind":"Pod","apiVersion":"v1","status":{"token":"t"}}\'')
    )
    yield Row(k, "not to be run", {"config": plugin({})["config"], "readme": "x"})


def asked_plugins() -> Iterator[Row]:
    k = "what a plugin is told and set to"
    token = {"token": "made"}
    yield Row(k, "the cluster", plugin(token, provideClusterInfo=True))
    told = plugin(token, provideClusterInfo=True)
    told["config"] = json.loads(json.dumps(told["config"]))
    told["config"]["clusters"][0]["cluster"]["extensions"] = [
        {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "here"}}
    ]
    yield Row(k, "the cluster, with a setting", told)
    yield Row(k, "always interactive", plugin(token, interactiveMode="Always"))
    yield Row(k, "interactive where it can be", plugin(token, interactiveMode="IfAvailable"))
    yield Row(k, "no mode in v1", plugin(token, interactiveMode=None))
    yield Row(k, "no mode in v1beta1", plugin(token, BETA, interactiveMode=None))
    yield Row(k, "an unknown mode", plugin(token, interactiveMode="Sometimes"))
    yield Row(k, "v1alpha1", plugin(token, "client.authentication.k8s.io/v1alpha1"))
    yield Row(k, "no version", plugin(token, apiVersion=None))
    yield Row(k, "no command", plugin(token, command=""))


def beside_plugins() -> Iterator[Row]:
    k = "credential plugin beside another credential"
    base = plugin({"token": "made"})
    section = base["config"]["users"][0]["user"]["exec"]

    def with_user(**more: Any) -> dict[str, Any]:
        return {"config": config(user={"exec": section, **more}), "plugin": base["plugin"]}

    pair = {"client-certificate": "@jane@", "client-key": "@jane-key@"}
    yield Row(k, "a token", with_user(token="t"))
    yield Row(k, "a flag's token", base, ("--token=f",))
    yield Row(k, "a certificate", with_user(**pair))
    yield Row(k, "a name and a password", with_user(username="u", password="p"))
    yield Row(k, "an auth provider", with_user(**{"auth-provider": {"name": "oidc", "config": {}}}))
    yield Row(k, "impersonation", with_user(**{"as": "jane"}))
    over_http = json.loads(json.dumps(base))
    over_http["config"]["clusters"][0]["cluster"]["server"] = "@PLAIN@"
    yield Row(k, "plain HTTP", over_http)


def policies() -> Iterator[Row]:
    k = "policy for plugins"
    base = plugin({"token": "made"})

    def kuberc(**more: Any) -> dict[str, Any]:
        return {"apiVersion": "kubectl.config.k8s.io/v1beta1", "kind": "Preference", **more}

    deny, allow = kuberc(credentialPluginPolicy="DenyAll"), kuberc(credentialPluginPolicy="AllowAll")
    yield Row(k, "none may run", {**base, ".kube/kuberc": deny})
    yield Row(k, "all may run", {**base, ".kube/kuberc": allow})
    yield Row(k, "of a flag", {**base, "rc": deny}, ("--kuberc=@dir@/rc",))
    yield Row(k, "of a variable", {**base, "rc": deny}, env={"KUBERC": "@dir@/rc"})
    yield Row(k, "switched off", {**base, ".kube/kuberc": deny}, env={"KUBERC": "off"})
    listed = kuberc(credentialPluginPolicy="Allowlist", credentialPluginAllowlist=[{"command": "@dir@/plugin"}])
    yield Row(k, "on the list", {**base, ".kube/kuberc": listed})
    other = kuberc(credentialPluginPolicy="Allowlist", credentialPluginAllowlist=[{"command": "other"}])
    yield Row(k, "not on the list", {**base, ".kube/kuberc": other})
    yield Row(
        k,
        "an empty list",
        {**base, ".kube/kuberc": kuberc(credentialPluginPolicy="Allowlist", credentialPluginAllowlist=[])},
    )
    yield Row(k, "an unknown policy", {**base, ".kube/kuberc": kuberc(credentialPluginPolicy="Perhaps")})
    yield Row(k, "a flag for one that is absent", base, ("--kuberc=@dir@/no",))


def providers() -> Iterator[Row]:
    k = "auth provider"
    for name in ("gcp", "azure", "mine"):
        yield Row(k, name, {"config": config(user={"auth-provider": {"name": name}})})
    token = "e30.eyJleHAiOjQwNzA5MDg4MDB9.c2ln"
    settings = {"idp-issuer-url": "https://issuer.test", "client-id": "k", "id-token": token}
    yield Row(
        k, "oidc with a good token", {"config": config(user={"auth-provider": {"name": "oidc", "config": settings}})}
    )
    old = {**settings, "id-token": "e30.eyJleHAiOjE1MDAwMDAwMDB9.c2ln"}
    yield Row(k, "oidc with an old token", {"config": config(user={"auth-provider": {"name": "oidc", "config": old}})})
    yield Row(
        k,
        "oidc without a client",
        {"config": config(user={"auth-provider": {"name": "oidc", "config": {"id-token": token}}})},
    )
    yield Row(
        k, "removed, beside a flag's token", {"config": config(user={"auth-provider": {"name": "gcp"}})}, ("--token=f",)
    )
    yield Row(
        k,
        "oidc beside a token",
        {"config": config(user={"token": "t", "auth-provider": {"name": "oidc", "config": settings}})},
    )


def proxy_urls() -> Iterator[Row]:
    k = "proxy of the kubeconfig"
    far = "https://a.test:@A.port@"

    def through(url: str, server: str = far) -> dict[str, Any]:
        return {"config": config({"server": server, "proxy-url": url})}

    yield Row(k, "http", through("http://@PROXY@"))
    yield Row(k, "with a login", through("http://u:p%40ss@@PROXY@"))
    yield Row(k, "https", through("https://@TLSPROXY@"))
    yield Row(k, "socks5", through("socks5://@SOCKS@"))
    yield Row(k, "socks5 with a login", through("socks5://u:p@@SOCKS@"))
    yield Row(k, "without a scheme", through("@PROXY@"))
    yield Row(k, "an unknown scheme", through("ftp://@PROXY@"))
    yield Row(k, "NO_PROXY does not count", through("http://@PROXY@"), env={"NO_PROXY": "a.test"})
    yield Row(k, "a flag over it", through("http://@PROXY@"), ("--proxy-url=http://@PROXY2@",))
    yield Row(k, "for this machine", through("http://@PROXY@", "@A@"))


def proxy_variables() -> Iterator[Row]:
    k = "proxy of the environment"
    far = {"config": config({"server": "https://a.test:@A.port@"})}
    plain = {"config": config({"server": "http://a.test:@PLAIN.port@"})}
    yield Row(k, "HTTPS_PROXY", far, env={"HTTPS_PROXY": "http://@PROXY@"})
    yield Row(k, "https_proxy", far, env={"https_proxy": "http://@PROXY@"})
    yield Row(k, "both cases", far, env={"https_proxy": "http://@PROXY@", "HTTPS_PROXY": "http://@PROXY2@"})
    yield Row(k, "without a scheme", far, env={"HTTPS_PROXY": "@PROXY@"})
    yield Row(k, "with a login", far, env={"HTTPS_PROXY": "http://u:p@@PROXY@"})
    yield Row(k, "HTTP_PROXY for HTTPS", {"config": config()}, env={"HTTP_PROXY": "http://@PROXY@"})
    yield Row(k, "HTTP_PROXY for HTTP", plain, env={"HTTP_PROXY": "http://@PROXY@"})
    yield Row(k, "ALL_PROXY", {"config": config()}, env={"ALL_PROXY": "http://@PROXY@", "all_proxy": "http://@PROXY@"})
    yield Row(k, "socks5", far, env={"HTTPS_PROXY": "socks5://@SOCKS@"})
    yield Row(k, "HTTP_PROXY in a CGI", plain, env={"HTTP_PROXY": "http://@PROXY@", "REQUEST_METHOD": "GET"})


def proxy_exceptions() -> Iterator[Row]:
    k = "where the proxy is passed by"
    env = {"HTTPS_PROXY": "http://@PROXY@"}
    far = {"config": config({"server": "https://a.test:@A.port@"})}
    yield Row(k, "127.0.0.1", {"config": config()}, env=env)
    yield Row(k, "localhost", {"config": config({"server": "https://localhost:@A.port@"})}, env=env)
    for name, entry in (
        ("the name's end", "other.test,.test"),
        ("a star before it", "*.test"),
        ("blanks", " b.test , a.test "),
        ("everything", "*"),
        ("another port", "a.test:1"),
        ("its port", "a.test:@A.port@"),
        ("no match", "b.test,10.0.0.0/8"),
        ("a name that only ends so", "xa.test"),
    ):
        yield Row(k, name, far, env={**env, "NO_PROXY": entry})


def plain_http() -> Iterator[Row]:
    k = "plain HTTP"
    yield Row(k, "a token", {"config": config({"server": "@PLAIN@"})})
    yield Row(k, "a flag's token", {"config": config({"server": "@PLAIN@"})}, ("--token=f",))
    yield Row(k, "a name and a password", {"config": config({"server": "@PLAIN@"}, {"username": "u", "password": "p"})})
    yield Row(
        k,
        "a certificate",
        {"config": config({"server": "@PLAIN@"}, {"client-certificate": "@jane@", "client-key": "@jane-key@"})},
    )
    yield Row(k, "no credential at all", {"config": config({"server": "@PLAIN@"}, {})})
    yield Row(k, "a token and nothing else", args=("-s", "@PLAIN@", "--token=f"))
    yield Row(k, "a removed provider", {"config": config({"server": "@PLAIN@"}, {"auth-provider": {"name": "gcp"}})})


def server_urls() -> Iterator[Row]:
    k = "server's URL"
    yield Row(k, "with a path", {"config": config({"server": "@A@/k8s/clusters/c-1"})})
    yield Row(k, "with a path and a slash", {"config": config({"server": "@A@/k8s/"})})
    yield Row(k, "with a slash", {"config": config({"server": "@A@/"})})
    yield Row(k, "host and port alone", {"config": bare({"server": "127.0.0.1:@PLAIN.port@"})})
    yield Row(k, "host and port alone, with an authority", {"config": config({"server": "127.0.0.1:@PLAIN.port@"})})
    yield Row(k, "of a flag", {"config": config()}, ("-s", "@B@"))
    yield Row(k, "of a flag, joined", {"config": config()}, ("--server=@B@",))
    yield Row(k, "no URL", {"config": config({"server": "https://[::1"})})
    yield Row(k, "HTTP where TLS is spoken", {"config": config({"server": "http://127.0.0.1:@A.port@"})})
    yield Row(k, "TLS where HTTP is spoken", {"config": config({"server": "https://127.0.0.1:@PLAIN.port@"})})


def pods() -> Iterator[Row]:
    k = "in a pod"
    yield Row(k, "the service account", pod=True)
    yield Row(k, "a flag's namespace", args=("-n", "till"), pod=True)
    yield Row(k, "a kubeconfig", {"config": config({"server": "@B@"})}, pod=True)
    yield Row(
        k, "a kubeconfig, its namespace", {"config": config({"server": "@B@"}, context={"namespace": "shop"})}, pod=True
    )
    yield Row(k, "a flag's server over plain HTTP", args=("-s", "@PLAIN@"), pod=True)
    yield Row(k, "a flag's server", args=("-s", "@B@", "--certificate-authority=@root@"), pod=True)
    yield Row(k, "a flag's token", args=("--token=f",), pod=True)
    yield Row(k, "POD_NAMESPACE", env={"POD_NAMESPACE": "mine"}, pod=True)
    yield Row(k, "a flag's context", args=("--context=c",), pod=True)
    yield Row(k, "a proxy", env={"HTTPS_PROXY": "http://@PROXY@"}, pod=True)


def malformed() -> Iterator[Row]:
    k = "malformed kubeconfig"
    yield Row(k, "no YAML", {"config": "{"})
    yield Row(k, "a list", {"config": "[]"})
    yield Row(k, "a text", {"config": "hello"})
    yield Row(k, "another kind", {"config": {**config(), "kind": "Pod"}})
    yield Row(k, "another version", {"config": {**config(), "apiVersion": "v2"}})
    yield Row(k, "clusters are a table", {"config": {**config(), "clusters": {"c": {}}}})
    yield Row(k, "a server that is a number", {"config": config({"server": 7})})
    yield Row(k, "an unknown field", {"config": {**config(), "what": 1}})
    yield Row(k, "one bad file among good ones", {"1": config(), "2": "{"}, env={"KUBECONFIG": "@dir@/1:@dir@/2"})
    yield Row(k, "a NUL", {"config": "a: \0"})


YAML = """\
apiVersion: v1
kind: Config
current-context: c
contexts:
- name: c
  context: {cluster: c, user: c, namespace: %s}
clusters:
- name: c
  cluster: {server: "@A@", certificate-authority: "@root@"}
users:
- name: c
  user: {token: %s}
"""


def yaml_forms() -> Iterator[Row]:
    k = "forms of YAML"
    yield Row(k, "block style", {"config": YAML % ("shop", "t")})
    yield Row(k, "a date for a token", {"config": YAML % ("shop", "2020-01-01")})
    yield Row(k, "yes for a namespace", {"config": YAML % ("yes", "t")})
    yield Row(k, "null for a namespace", {"config": YAML % ("null", "t")})
    yield Row(k, "two documents", {"config": YAML % ("shop", "t") + "---\ncurrent-context: d\n"})
    anchors = (YAML % ("&space shop", "t")).replace("user: {token: t}", "user: {token: *space}")
    yield Row(k, "an anchor", {"config": anchors})
    yield Row(k, "Windows' line ends", {"config": (YAML % ("shop", "t")).replace("\n", "\r\n")})
    yield Row(k, "a byte order mark", {"config": "\ufeff" + YAML % ("shop", "t")})
    yield Row(k, "JSON", {"config": config()})
    folded = (YAML % ("shop", "t")).replace(
        'certificate-authority: "@root@"', "certificate-authority-data: >-\n      @root.64@\n     "
    )
    yield Row(k, "base64 in a folded text", {"config": folded})


def defaults() -> Iterator[Row]:
    k = "nothing is said"
    yield Row(k, "KUBERNETES_MASTER", env={"KUBERNETES_MASTER": "@PLAIN@"})
    yield Row(k, "KUBERNETES_MASTER beside a kubeconfig", {"config": config()}, env={"KUBERNETES_MASTER": "@PLAIN@"})
    yield Row(k, "a server over TLS without a user", args=("-s", "@A@", "--certificate-authority=@root@"))
    yield Row(k, "a server and a token", args=("-s", "@A@", "--certificate-authority=@root@", "--token=f"))
    pair = ("--client-certificate=@jane@", "--client-key=@jane-key@")
    yield Row(k, "a server and a certificate", args=("-s", "@A@", "--certificate-authority=@root@", *pair))
    yield Row(k, "a time-out", {"config": config()}, ("--request-timeout=5",))
    yield Row(k, "no time-out", {"config": config()}, ("--request-timeout=0",))
    yield Row(k, "a time-out as a duration", {"config": config()}, ("--request-timeout=1m30s",))
    yield Row(k, "no compression", {"config": config()}, ("--disable-compression",))
    yield Row(k, "another cache", {"config": config()}, ("--cache-dir=@dir@/c",))


MAKERS = (
    files, contexts, clusters, users, namespaces, tokens, token_files, basic, certificates, authorities, bad_authorities, names,
    insecure, impersonation, impersonation_flags, plugins, failing_plugins, asked_plugins, beside_plugins, policies, providers,
    proxy_urls, proxy_variables, proxy_exceptions, plain_http, server_urls, pods, malformed, yaml_forms, defaults,
)  # fmt: skip
ROWS: tuple[Row, ...] = tuple(row for make in MAKERS for row in make())
