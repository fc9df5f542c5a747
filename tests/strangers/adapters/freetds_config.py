"""FreeTDS's configuration: it knows an authority only from its file, which it looks up when it is loaded."""

import os
import tempfile

# The last is one that its releases from 1.4 on know.
ENCRYPTION = {"off": "off", "login": "request", "full": "require", "strict": "strict"}
UNKNOWN = "UNRECOGNIZED option value"


class Configuration:
    """A file of its own, and one with what FreeTDS says of the settings in it."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory()
        self._file, self._log = (os.path.join(self._folder.name, name) for name in ("freetds.conf", "log"))
        self.environment = {"FREETDSCONF": self._file, "TDSDUMPCONFIG": self._log}

    def write(self, to, section, **more):
        """Sets what an endpoint needs, and `more`."""
        if os.path.exists(self._log):
            os.remove(self._log)
        settings = {"tds version": "7.4", "encryption": ENCRYPTION[to.tls]}
        if to.ca:
            settings |= {"ca file": to.ca, "check certificate hostname": "yes"}
        settings |= {name.replace("_", " "): value for name, value in more.items()}
        with open(self._file, "w", encoding="utf-8") as config:
            config.write(f"[{section}]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))

    def refused(self):
        """The settings that it does not know, in its own words."""
        if not os.path.exists(self._log):
            return ""
        with open(self._log, encoding="utf-8", errors="replace") as log:
            return "; ".join(dict.fromkeys(line[line.index(UNKNOWN):].strip() for line in log if UNKNOWN in line))
