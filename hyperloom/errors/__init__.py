"""Every exception HyperLoom raises on purpose.

A refusal by the control plane is an answer, not an accident: the Lua library *returns*
it as ``LOOM_<CODE> <sentence>``, and `hyperloom.gcs.replies` turns it into the class that
carries that code.  Anything Lua *raises* is a bug of ours and becomes `LibraryBug`.

What a task ends with instead of a value is a `TaskError`; its fields are in
`hyperloom.failure_details`.  How it travels is told in `failures.py`.

The rule: every exception here survives pickling with its attributes and its cause,
whatever its `__init__` asks for (`LoomError.__reduce__`).
"""

from hyperloom.errors.inputs import (
    ActorNameTaken,
    ActorNotFound,
    InvalidOption,
    NotSerializable,
    PendingCallsExceeded,
    TooLarge,
    Undeserializable,
    UnknownSymbol,
)
from hyperloom.errors.refusals import (
    Backpressure,
    ClusterStateLost,
    ControlPlaneLost,
    Exists,
    Gap,
    IllegalTransition,
    LibraryBug,
    NotFound,
    Refused,
    ServerRefused,
    Stale,
)
from hyperloom.errors.root import LoomError
from hyperloom.errors.sessions import (
    CheckpointError,
    FileChanged,
    GetTimeout,
    JobEnded,
    LocalRayletDied,
    NotConnected,
    ObjectStoreFull,
    OtherJob,
    ProgramFailed,
    SessionClosed,
)
from hyperloom.errors.tasks import (
    ActorDied,
    ActorError,
    ActorUnavailable,
    Infeasible,
    NodeLost,
    ObjectLost,
    OutOfMemory,
    PlacementGroupRemoved,
    TaskCancelled,
    TaskError,
    TaskPoisoned,
    TaskTimeout,
    WorkerCrashed,
)

__all__ = [
    "ActorDied",
    "ActorError",
    "ActorNameTaken",
    "ActorNotFound",
    "ActorUnavailable",
    "Backpressure",
    "CheckpointError",
    "ClusterStateLost",
    "ControlPlaneLost",
    "Exists",
    "FileChanged",
    "Gap",
    "GetTimeout",
    "IllegalTransition",
    "Infeasible",
    "InvalidOption",
    "JobEnded",
    "LibraryBug",
    "LocalRayletDied",
    "LoomError",
    "NodeLost",
    "NotConnected",
    "NotFound",
    "NotSerializable",
    "ObjectLost",
    "ObjectStoreFull",
    "OtherJob",
    "OutOfMemory",
    "PendingCallsExceeded",
    "PlacementGroupRemoved",
    "ProgramFailed",
    "Refused",
    "ServerRefused",
    "SessionClosed",
    "Stale",
    "TaskCancelled",
    "TaskError",
    "TaskPoisoned",
    "TaskTimeout",
    "TooLarge",
    "Undeserializable",
    "UnknownSymbol",
    "WorkerCrashed",
]

for _name in __all__:  # tracebacks and pickles name the place that users import from
    globals()[_name].__module__ = __name__
