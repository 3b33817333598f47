"""The benchmark suite: what is timed, by which libraries, and the pictures of what came out.

`mlpcore bench` runs it, and so does ``pytest bench/``. A checkout has it in ``bench/``, an
installed package in ``mlpcore.bench``; imports inside it are relative, so that both are one suite.
"""
