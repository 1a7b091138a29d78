"""Words of messages, counted and listed by hand."""

from lstm_ablate.errors import did_you_mean, listed, nearest, shortened


def test_a_list_is_shortened_only_where_it_is_longer():
    assert shortened(["a", "b", "c"], 3) == "a, b, c"
    assert shortened(["a", "b", "c"], 2) == "a, b, ..."
    assert shortened(["a", "b", "c"], 1, "; ") == "a; ..."
    assert shortened([], 2) == ""


def test_a_list_ends_with_and():
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "a and b"
    assert listed(iter(["a", "b", "c"])) == "a, b and c"


def test_the_nearest_word_is_said_as_it_is_written_there():
    assert nearest("RELU", ["Relu", "tanh"]) == "Relu"
    assert did_you_mean("relo", ["relu", "tanh"]) == ' Did you mean "relu"?'
    assert nearest("sine", ["relu", "tanh"]) is None and did_you_mean("sine", ["relu"]) == ""
