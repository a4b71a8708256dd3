"""A fine-tune as a process of its own: `accelerate launch -m playground.training RUN_DIR`.

    __main__     the process: queue, then recipe, then how it ended
    recipe       what a run does, read top to bottom
    tune         LoRA by transformers.Trainer
    verify       the saved model, loaded in a fresh process, must answer as the trained one did
    launch.yaml  accelerate's settings for a run started by the page or the command line

Its only argument is the run's directory (see playground.runs), so it works without a server.
The page starts it as one process with the accelerate settings of launch.yaml, so that nothing on
the machine changes what happens: accelerate's own default_config.yaml is neither read nor written.
Who wants that used runs the command above by hand, with one process: a run's lock refuses a second.
"""
