"""Which fault of operations must turn which checks of the platform suite red, and no others."""

STORED = "platform.backup.restored platform.backup.restore_time"
OWN = "platform.backup.taken platform.backup.damaged_refused platform.backup.live_untouched"
MEASURED = "platform.balancer.share platform.balancer.return_to_blue platform.balancer.drain"

REDDENS_OPERATIONS: dict[str, frozenset[str]] = {
    name: frozenset(checks.split())
    for name, checks in {
        "backup.stale": "platform.backup.age",
        "backup.future": "platform.backup.age",
        "backup.none": f"platform.backup.age {STORED}",
        "backup.unfinished": f"platform.backup.age {STORED}",
        "backup.truncated": STORED,
        "backup.flipped_byte": STORED,
        "backup.file_missing": STORED,
        "backup.extra_file": STORED,
        "backup.collection_lost": "platform.backup.restored",
        "backup.indexes_lost": "platform.backup.restored",
        "backup.other_database": f"platform.backup.age {STORED}",
        "backup.duplicate": STORED,
        "backup.folder_gone": f"platform.backup.age {STORED} {OWN}",
        "backup.folder_unwritable": f"platform.backup.age {STORED} {OWN}",
        "backup.scratch_left": "platform.backup.live_untouched",
        "balancer.ignores": f"platform.balancer.weights {MEASURED}",
        "balancer.pretends": f"platform.balancer.weights {MEASURED}",
        "balancer.swaps": f"platform.balancer.weights {MEASURED}",
        "balancer.even": MEASURED,
        "balancer.sticky": MEASURED,
        "balancer.slow_return": "platform.balancer.return_to_blue platform.balancer.drain",
        "balancer.cuts": "platform.balancer.drain",
    }.items()
}
