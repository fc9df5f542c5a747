"""SMO: becomes the .NET program of `dotnet/SmoDriver.cs`, in the surroundings that it needs."""

import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "dotnet"))

import prepare  # noqa: E402

folder = prepare.prepared(sys.argv[1])
program = os.path.join(folder, "smo", prepare.HOST)
# It keeps the authorities that it trusts in its home.
home = tempfile.mkdtemp(prefix="smo-")
os.execve(program, [program], {**prepare.environment(folder), "HOME": home})
