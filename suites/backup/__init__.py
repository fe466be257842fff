"""Backups of the store's database: taken, verified, restored into a scratch database, compared.

bson_files     files of BSON documents, read and written as a stream
manifest       the list of a backup's files with their SHA-256, written last
layout         collections and indexes of a database, as a backup keeps them
copier         takes a backup with pymongo
mongo_tools    takes and restores a backup with mongodump and mongorestore
verification   compares a backup's files with its manifest
scratch        scratch databases, which are always dropped
restoration    restores a backup into a scratch database, and compares the contents
damage         damaged copies of a backup, which must be refused
target_backups the backups of a target: the tool that takes them, and where they are stored
"""


class BackupError(Exception):
    """A backup cannot be taken, read or restored; the message names the file and the reason."""
