from strowger.acs.operations.catalogue import CATALOGUE, IDENTITY
from strowger.acs.operations.identity.carried_out import CARRIED_OUT


def test_every_operation_of_the_service_is_there():
    assert set(CARRIED_OUT) == {operation for operation in CATALOGUE if operation.service == IDENTITY}
