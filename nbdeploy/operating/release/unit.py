"""A systemd unit that supervises one service."""

from __future__ import annotations

import getpass
import sys

from nbdeploy.home import data_folder

__all__ = ["unit_text"]


def unit_text(name: str) -> str:
    """Return the text of a unit for this user, this environment and this data folder."""
    return f"""\
# {name}: the supervisor of its versions. Install as /etc/systemd/system/nbdeploy-{name}.service
[Unit]
Description=nbdeploy: the versions of {name}
After=network-online.target

[Service]
User={getpass.getuser()}
Environment=NBDEPLOY_HOME={data_folder()}
ExecStart={sys.executable} -m nbdeploy.frontends.cli release run {name}
# Not after `nbdeploy release stop`, which ends it as it should.
Restart=on-failure
RestartSec=1
# Only the supervisor is restarted: the proxy and the servers go on answering meanwhile.
KillMode=process

[Install]
WantedBy=multi-user.target
"""
