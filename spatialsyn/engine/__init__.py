"""Where functions run: this process, the processes of this machine, or a cluster."""
