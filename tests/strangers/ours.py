"""Our operations, as the crate's examples run them."""

import json
import os
import subprocess

from client import Miss


class Ours:
    def __init__(self, folder):
        # Where the built examples are.
        self._folder = folder

    def run(self, example, simulator, key_password, key, backup):
        done = subprocess.run(
            [os.path.join(self._folder, example), "--instance", simulator.name,
             "--address", f"{simulator.host}:{simulator.own_port}", "--ca", simulator.ca, "--user", "sa",
             "--password-env", "SA", "--key-password-env", "KEY", "--key-file", key, "--backup-file", backup,
             "--allow-unc-host", simulator.share],
            capture_output=True, text=True, timeout=120,
            env={**os.environ, "SA": simulator.password, "KEY": key_password})
        if done.returncode != 0:
            raise Miss(f"{example}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)
