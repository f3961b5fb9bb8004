from strowger.sip.registrar.errors import BindingUnreadable, RegistrarError


def test_one_tree():
    assert issubclass(BindingUnreadable, RegistrarError)
    assert issubclass(BindingUnreadable, ValueError)
