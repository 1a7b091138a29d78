"""Results as records hold them, for tests of what is around training."""

OK = {
    "status": "ok",
    "parameters": 10,
    "epochs": 2,
    "best_epoch": 2,
    "train_loss": 0.2,
    "validation_loss": 0.3,
    "test_loss": 0.1,
    "diverged_epoch": None,
    "floor": 0.0,
    "ceiling": 1.0,
    "linear": 0.25,
    "train_losses": [0.4, 0.2],
    "validation_losses": [0.5, 0.3],
    "windows": [[0.0, 1.0]],
    "reconstructions": [[0.1, 0.9]],
}
NOTHING = dict.fromkeys(("best_epoch", "train_loss", "validation_loss", "test_loss"))
DIVERGED = {
    **OK, **NOTHING, "status": "diverged", "diverged_epoch": 2, "train_losses": [0.4, None],
    "windows": [], "reconstructions": [],
}  # fmt: skip
FAILED = {"status": "failed", "message": "no luck"}
