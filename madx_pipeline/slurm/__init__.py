"""Everything that knows Slurm: what is asked of it, how jobs become arrays, what its queue says, its signals.

`runners/slurm.py` uses these to run a plan, `commands/status.py` to say where it stands. Slurm is told to run
`madx run-job` alone: a job reaches it as a file under the home folder, and so does how it ended.
"""
