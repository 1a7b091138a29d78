"""What other tools call what stands in a config, and what is written here in its place.

Keras' and PyTorch's arguments, what training scripts name their options, and Hydra's keys. A word
counts in whatever case, with or without `-` and `_`. With a section before it, as in `data.val`, it
counts in that section alone. Where a word stands in several rows the first counts whose keys the
data or the optimizer at hand has.
"""

from typing import NamedTuple


class Habit(NamedTuple):
    """Words, the paths that are written in their place with an example of each value, and a reason.

    Without paths the words are left out. With `supported` the paths mean what the words mean;
    without it they are the nearest that there is. `otherwise` is written instead where the value of
    the words is false or 0, if that means something else than to leave them out.
    """

    words: str
    write: str = ""
    why: str = ""
    supported: bool = True
    otherwise: str = ""


def _missing(words: str, why: str, write: str = "") -> Habit:
    return Habit(words, write, why, supported=False)


_DECAY = "training.optimizer.name: adamw, training.optimizer.weight_decay: 0.004"
_TUNE = "tune: {path: training.optimizer.learning_rate, grid: [3e-4, 1e-3, 3e-3]}"
_SPLIT = "data.split: {train: 0.7, validation: 0.15, test: 0.15}"
_HEAD = "model.head: {units: [64], activation: relu}"
UNITS, LAYERS = "model.encoder: [64]", "model.encoder: {units: 32, layers: 2}"
_MIRRORED = "units of the encoder's layers, which the decoder mirrors"
_EVERY_EPOCH = "every run trains all of its epochs; its best one can be judged"
_ONE_FILE = "a config is one file, in which anchors and <<: share parts"
# Words of which it depends on the data what there is for them.
_WINDOW = (
    "seq_len sequence_length sequence_len seq_length window window_size window_length lookback"
    " look_back time_steps timestep n_steps n_timesteps num_steps max_len data.length data.steps"
)
_FEATURES = (
    "input_size input_dim input_shape n_features num_features n_inputs feature_dim data_dim"
    " channels n_channels num_channels"
)
_SCALED = (
    "scaler standardize standardise normalise rescale data.normalize data.normalization data.scale"
    " data.scaled"
)

HABITS = (
    # ---------------------------------------------------------------------------------- the network
    Habit("recurrent_activation inner_activation gate_activation gates_activation",
          "model.gates: sigmoid"),
    Habit("input_activation cell_input_activation", "model.candidate: tanh"),
    Habit("cell_output_activation", "model.output: tanh"),
    Habit("model.head.act model.head.nonlinearity model.head.activation_fn",
          "model.head.activation: relu"),
    Habit("activation nonlinearity activation_fn activation_function act hidden_activation"
          " cell_activation lstm_activation", "model.activation: relu",
          "it sets candidate and output of the cell"),
    Habit("between_activation activation_between inter_layer_activation", "model.between: relu"),
    Habit("model.head.hidden_size model.head.sizes model.head.size model.head.layers",
          "model.head.units: [64]"),
    Habit("model.encoder.hidden_size model.encoder.hidden_dim model.encoder.size",
          "model.encoder.units: 32"),
    Habit("model.encoder.num_layers model.encoder.n_layers model.encoder.depth",
          "model.encoder.layers: 2"),
    Habit("model.decoder.hidden_size model.decoder.hidden_dim model.decoder.size",
          "model.decoder.units: 32"),
    Habit("model.decoder.num_layers model.decoder.n_layers model.decoder.depth",
          "model.decoder.layers: 2"),
    Habit("hidden_size hidden_dim hidden_units hidden hidden_sizes units lstm_units rnn_units"
          " n_units num_units n_hidden neurons width d_model encoder_units layer_sizes",
          UNITS, _MIRRORED),
    Habit("num_layers n_layers layers depth num_lstm_layers encoder_layers",
          LAYERS, _MIRRORED),
    Habit("decoder_units decoder_sizes", "model.decoder: [64]"),
    Habit("latent_dim latent_size bottleneck code_size encoding_dim embedding_dim z_dim",
          "model.encoder: [64, 16], model.latent: vector",
          "the code has as many numbers as the encoder's last layer has units"),
    Habit("return_sequences", "model.latent: sequence",
          "of the encoder's last layer: every time step; false is vector, the last alone",
          otherwise="model.latent: vector"),
    Habit("repeat_vector", "model.latent: vector", "the last time step alone, repeated",
          otherwise="model.latent: sequence"),
    Habit("proj_size projection_size num_proj proj", "model.projection: 32"),
    Habit("proj_clip", "model.projection: 32, model.projection_clip: 3.0"),
    Habit("clip_cell cell_clipping", "model.cell_clip: 3.0"),
    Habit("use_peepholes peephole", "model.peepholes: true"),
    Habit("residuals residual_connections skip_connections", "model.residual: true"),
    Habit("bidir is_bidirectional birnn bilstm", "model.bidirectional: true"),
    Habit("layer_norm use_layer_norm layer_normalization model.norm model.normalize",
          "model.normalization: layer", otherwise="model.normalization: none"),
    Habit("initializer init weight_init weight_initializer kernel_init",
          "model.kernel_initializer: glorot_uniform"),
    Habit("recurrent_init", "model.recurrent_initializer: orthogonal"),
    Habit("forget_bias", "model.unit_forget_bias: true",
          otherwise="model.unit_forget_bias: false"),
    Habit("dense dense_units dense_layers dense_activation head_units head_activation mlp", _HEAD),
    Habit("network net architecture arch", "model.encoder: [100, 50]"),
    _missing("dropout recurrent_dropout dropout_rate variational_dropout zoneout",
             "no unit is dropped in training"),
    _missing("use_bias bias bias_initializer", "every layer has a bias, which starts at 0"),
    _missing("go_backwards", "a layer reads forward, or both ways", "model.bidirectional: true"),
    _missing("stateful return_state", "every window starts from zeros"),
    _missing("mask masking mask_value mask_zero zero_output_for_mask", "no time step is masked"),
    _missing("batch_first time_major", "arrays are (samples, timesteps, features) everywhere"),
    _missing("unroll implementation use_cudnn", "it changes how Keras computes, not what"),
    _missing("kernel_regularizer recurrent_regularizer bias_regularizer activity_regularizer"
             " regularizer regularization l1 l2 l2_reg",
             "no penalty is added to the loss; adamw makes weights decay", _DECAY),
    _missing("kernel_constraint recurrent_constraint bias_constraint", "weights are free"),
    _missing("batch_norm use_batch_norm batch_normalization",
             "what is normalized is a layer's output, not a batch", "model.normalization: layer"),
    _missing("attention num_heads n_heads transformer", "a network is a stack of LSTM layers"),
    _missing("cell cell_type rnn rnn_type gru lstm model.type model.kind model.name model.class",
             "a network is a stack of LSTM layers"),
    _missing("output_activation final_activation",
             "the reconstruction is linear; before it there may be dense layers", _HEAD),
    _missing("output_size output_dim n_outputs time_distributed",
             "the reconstruction has as many numbers as the input"),
    # --------------------------------------------------------------------------------- the training
    Habit("lr eta base_lr initial_lr max_lr learning_rate_init",
          "training.optimizer.learning_rate: 0.001"),
    Habit("epoch num_epochs n_epochs max_epochs nb_epoch total_epochs iterations n_iter max_iter",
          "training.epochs: 30"),
    Habit("bs batch batches mini_batch mini_batch_size train_batch_size",
          "training.batch_size: 32"),
    Habit("loss_fn loss_function criterion objective cost", "training.loss: mse"),
    Habit("optim optimiser solver opt", "training.optimizer: adam"),
    Habit("training.optimizer.type training.optimizer.class training.optimizer.class_name"
          " training.optimizer.method training.optimizer.kind training.optimizer.algorithm"
          " training.optimizer._target_ training.optimizer.adam", "training.optimizer.name: adam"),
    Habit("training.optimizer.adamw", "training.optimizer.name: adamw"),
    Habit("training.optimizer.sgd", "training.optimizer.name: sgd"),
    Habit("training.optimizer.rmsprop", "training.optimizer.name: rmsprop"),
    Habit("betas", "training.optimizer.beta_1: 0.9, training.optimizer.beta_2: 0.999"),
    Habit("eps", "training.optimizer.epsilon: 1e-7"),
    Habit("training.optimizer.alpha", "training.optimizer.rho: 0.9"),
    Habit("weight_decay wd", _DECAY),
    Habit("grad_clip clip_grad clip_grad_norm gradient_clip gradient_clip_val gradient_clipping"
          " max_grad_norm max_norm clipping", "training.optimizer.global_clipnorm: 1.0"),
    Habit("precision float_type", "training.dtype: float32"),
    Habit("restore_best_weights save_best_only save_best monitor checkpoint checkpoints"
          " model_checkpoint", "training.select: best", otherwise="training.select: last"),
    Habit("train trainer fit hparams hyperparameters hyperparams", "training.epochs: 30"),
    _missing("patience early_stopping early_stop min_delta start_from_epoch", _EVERY_EPOCH,
             "training.select: best"),
    _missing("scheduler lr_scheduler lr_schedule learning_rate_schedule schedule warmup"
             " warmup_steps lr_decay learning_rate_decay decay decay_steps gamma reduce_lr"
             " reduce_lr_on_plateau",
             "the learning rate stays what it is in all epochs, and can be tuned", _TUNE),
    _missing("clipnorm", "Keras' clipnorm shortens the gradient of each weight array by itself,"
             " global_clipnorm that of all together, so that the two differ",
             "training.optimizer.global_clipnorm: 1.0"),
    _missing("clipvalue clip_value clip_grad_value", "a gradient is made shorter, not cut",
             "training.optimizer.global_clipnorm: 1.0"),
    _missing("amsgrad centered dampening use_ema ema_momentum maximize fused foreach capturable"
             " jit_compile run_eagerly", "the optimizers have no such variant"),
    _missing("metrics metric", "the loss on the test windows is what is compared"),
    _missing("callbacks callback hooks", "nothing is called during training"),
    _missing("steps_per_epoch max_steps train_steps initial_epoch validation_steps validation_freq",
             "an epoch is one pass over all training windows, and then the validation windows"),
    _missing("shuffle shuffle_train", "every epoch draws the order of its batches from the seed"),
    _missing("verbose progress_bar",
             "lstm-ablate run --quiet, or quiet=True in Python, shows no progress"),
    _missing("gradient_accumulation gradient_accumulation_steps accumulate_grad_batches",
             "a batch is trained at once", "training.batch_size: 32"),
    _missing("sample_weight class_weight loss_weights", "every window counts alike"),
    _missing("amp mixed_precision fp16 bf16", "all is computed in one precision",
             "training.dtype: float32"),
    _missing("device devices gpu gpus n_gpus num_gpus cuda accelerator strategy",
             "the GPUs that TensorFlow finds are used"),
    _missing("logger logging wandb tensorboard mlflow log_every log_interval",
             "curves.csv has the losses of every epoch"),
    # ------------------------------------------------------------------------------------- the data
    Habit(_WINDOW, "data.timesteps: 30"),
    _missing(_WINDOW, "an array has its windows as they are"),
    Habit("hop hop_size window_stride window_step data.shift", "data.stride: 1"),
    Habit(_FEATURES, "data.features: 1"),
    _missing(_FEATURES, "a file has as many features as it has columns"),
    Habit("usecols feature_columns feature_cols data.cols", "data.columns: [value]"),
    _missing("index_col index_column time_column time_col date_column date_col timestamp"
             " parse_dates", "no column is read as times; name those that are trained on",
             "data.columns: [value]"),
    _missing("na_values missing_values null_values nan_values fill_value fillna",
             "nothing fills in what is missing: fill the gaps in the file, as pandas'"
             " df.interpolate() does"),
    _missing("encoding", "a CSV is read as UTF-8: iconv converts others, as in"
             " iconv -f WINDOWS-1252 -t UTF-8 in.csv > out.csv"),
    Habit("sep delimiter delim", 'data.separator: ";"'),
    Habit("decimal_separator decimal_mark decimal_point", 'data.decimal: ","'),
    Habit("skip skip_lines skip_header header header_rows header_lines", "data.skip_rows: 1"),
    Habit(_SCALED, "data.scaling: standard", otherwise="data.scaling: none"),
    _missing(_SCALED, "every family of data has variance 1"),
    Habit("train_size n_train num_train train_samples data.train n_samples num_samples data.size",
          "data.samples.train: 1024"),
    Habit("val_size n_val num_val validation_size validation_split val_split validation_data"
          " val_samples data.val data.validation data.samples.val data.samples.valid"
          " data.samples.dev", "data.samples.validation: 256"),
    Habit("test_size n_test num_test test_split test_samples data.test", "data.samples.test: 1024"),
    Habit("train_size train_split val_size validation_size validation_split val_split test_size"
          " test_split data.train data.val data.validation data.test data.split.val"
          " data.split.valid data.split.dev", _SPLIT),
    Habit("csv csv_path csv_file data_path data_file data_dir filename file_name filepath file_path"
          " data.file data.npy data.root data.url", "data.family: file, data.path: own_data.csv"),
    Habit("dataset dataloader datamodule data.type data.kind data.generator data.source data.signal"
          " data.name data.class data._target_", "data.family: sines"),
    Habit("noise_std noise_level noise_sigma data.std data.sigma", "data.noise: 0.05"),
    Habit("frequency frequencies freq n_cycles", "data.cycles: [1, 5]"),
    _missing("horizon forecast_horizon target targets target_column label labels",
             "the network reconstructs the window that it reads"),
    _missing("augment augmentation transform transforms", "windows are trained on as they are"),
    # ------------------------------------------------------------------------------- the experiment
    Habit("seed random_seed random_state", "seeds: [0]",
          "a list names them; a number alone is how many"),
    Habit("tune.n_seeds tune.num_seeds tune.repeats tune.trials tune.n_trials", "tune.seeds: 5"),
    Habit("n_seeds num_seeds n_runs num_runs runs repeats repetitions replicates trials n_trials",
          "seeds: 10"),
    Habit("seeds.max seeds.maximum seeds.limit", "seeds.most: 60"),
    Habit("seeds.every seeds.interval", "seeds.step: 10"),
    Habit("experiment experiment_name title project project_name run_name", "name: my_question"),
    Habit("description notes note comment", "question: Does relu help"),
    Habit("ablations ablation experiments models conditions arms",
          "variants: {tanh: {}, relu: {model.activation: relu}}"),
    Habit("settings scenarios datasets", "tasks: {short: {training.epochs: 10}}"),
    Habit("control reference", "baseline: tanh"),
    Habit("backend framework", "engine: keras"),
    Habit("tune.parameter tune.param tune.key tune.name", "tune.path: training.batch_size"),
    Habit("tune.values tune.choices tune.candidates", "tune.grid: [16, 32]"),
    Habit("sweep sweeper search search_space param_grid grid_search tuning tuner optuna params",
          _TUNE),
    Habit("num_workers n_workers n_jobs jobs processes num_processes threads",
          "execution.workers: auto"),
    Habit("analysis.tolerance analysis.rope analysis.equivalence analysis.threshold",
          "analysis.margin: 10%"),
    _missing("alpha confidence significance confidence_level p_value",
             "all verdicts of a report together are right in 95% of experiments"),
    _missing("output output_dir out_dir save_dir save_path results results_dir log_dir workdir",
             "--results DIR, or results=DIR in Python, says where results are kept"),
    _missing("defaults extends include imports base_config", _ONE_FILE),
    _missing("hydra", "a config is read by itself; path=value changes it on the command line"),
    _missing("_target_ _partial_ _recursive_", "nothing is looked up by the name of a class"),
)  # fmt: skip

# Values of other tools, by the path where they stand: what is written here, and for what.
VALUES = {
    "training.loss": {
        "mse": "mean_squared_error MSELoss l2 l2_loss squared_error",
        "mae": "mean_absolute_error L1Loss l1 l1_loss absolute_error",
        "huber": "HuberLoss smooth_l1 SmoothL1Loss huber_loss",
    },
    "training.optimizer.name": {
        "sgd": "gradient_descent momentum",
        "rmsprop": "RMS_prop rms",
    },
    "training.select": {
        "best": "best_epoch early_stopping restore_best val_loss validation_loss",
        "last": "final",
    },
    "training.dtype": {"float32": "float single fp32", "float64": "double fp64"},
    "model.latent": {
        "vector": "last repeat repeat_vector bottleneck",
        "sequence": "sequences return_sequences all full",
    },
    "model.normalization": {"layer": "layer_norm layer_normalization"},
    "model.kernel_initializer": {
        "glorot_uniform": "xavier xavier_uniform glorot",
        "glorot_normal": "xavier_normal",
        "he_uniform": "kaiming kaiming_uniform",
        "he_normal": "kaiming_normal",
        "lecun_normal": "lecun",
    },
    "model.recurrent_initializer": {
        "glorot_uniform": "xavier xavier_uniform glorot",
        "glorot_normal": "xavier_normal",
        "orthogonal": "ortho",
    },
    "data.family": {
        "file": "csv npy numpy own custom",
        "sines": "sine sin sinusoid sinusoids",
        "square": "square_wave squares",
        "ar": "autoregressive arma",
        "random_walk": "brownian",
    },
    "data.scaling": {
        "standard": "standardize zscore z_score standard_scaler",
        "minmax": "min_max_scaler normalize",
    },
    "engine": {"keras": "tensorflow tf"},
}

# Values of other tools for which there is nothing here, though some are spelt like what there is;
# and why.
NO_VALUES = {
    "training.loss": (
        "rmse mape msle log_cosh cross_entropy bce kld",
        "reconstructions are judged by their squared, absolute or Huber's error",
    ),
    "training.optimizer.name": (
        "nadam adamax adagrad adadelta lamb lion ftrl radam",
        "both engines have four optimizers",
    ),
    "training.dtype": ("float16 half bfloat16 mixed_float16", "so few digits hide small losses"),
    "model.normalization": ("batch batch_norm instance group", "only layers are normalized"),
    "engine": ("torch pytorch jax lightning", "both engines are TensorFlow's"),
}
