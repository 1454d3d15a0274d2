"""`python -m madx_pipeline` is `madx`."""

from madx_pipeline.cli import main

if __name__ == "__main__":
    main()
