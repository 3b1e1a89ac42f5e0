"""A real broker that asks who somebody is, and lets each do what is granted, nothing else."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from deploy.lab.kafka import LocalKafka, java_runtime
from deploy.lab.process import LOOPBACK, free_port

KEEPS = "of-the-keystore"

_QUICK = "-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC"

_SECURE = """\
listeners=PLAINTEXT://{host}:{plain},SASL_SSL://{host}:{secure},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{plain},SASL_SSL://{host}:{secure}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PKCS12
ssl.keystore.location={keystore}
ssl.keystore.password={keeps}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""


class SecureKafka(LocalKafka):
    """Beside the port where anybody may do anything, another for users with a password.

    The open port is for the broker's own controller, and for what a test prepares and looks up.
    """

    def __init__(self, passwords: dict[str, str]) -> None:
        super().__init__(port=None)
        self._passwords = passwords
        self._secure_port = free_port()

    @property
    def secure(self) -> str:
        """What a client with a password takes as bootstrap servers."""
        return f"{LOOPBACK}:{self._secure_port}"

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority that signed the broker's."""
        return self.folder / "ca.pem"

    def _settings(self) -> str:
        keystore = self.folder / "broker.p12"
        if not keystore.exists():
            certify(keystore, self.ca_file)
        return super()._settings() + _SECURE.format(
            host=LOOPBACK,
            plain=self.port,
            secure=self._secure_port,
            controller=self._controller,
            keystore=keystore,
            keeps=KEEPS,
        )

    def _first_known(self) -> list[str]:
        return [
            option
            for name, password in self._passwords.items()
            for option in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
        ]


def certify(keystore: Path, ca_file: Path) -> None:
    """Makes an authority, its certificate as PEM, and a certificate of this machine it signed."""
    ca = ("-alias", "ca")
    _keytool(keystore, "-genkeypair", *ca, *_key("an authority"), "-ext", "bc:c")
    signed = "-signer", "ca", "-ext", f"san=ip:{LOOPBACK}"
    _keytool(keystore, "-genkeypair", "-alias", "broker", *_key("the broker"), *signed)
    _keytool(keystore, "-exportcert", "-rfc", *ca, "-file", str(ca_file))
    _keytool(keystore, "-delete", *ca)


def _key(name: str) -> Iterable[str]:
    return "-dname", f"CN={name}", "-keyalg", "EC", "-groupname", "secp256r1", "-validity", "2"


def _keytool(keystore: Path, *arguments: str) -> None:
    tool = java_runtime().resolve().with_name("keytool")
    subprocess.run(
        [str(tool), *_QUICK, *arguments, "-keystore", str(keystore), "-storepass", KEEPS],
        check=True,
        capture_output=True,
    )
