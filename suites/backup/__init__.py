"""Takes, verifies, restores and compares backups of the store's database.

bson_files     reads and writes files of BSON documents as a stream
manifest       reads and writes the manifest: the list of a backup's files with their SHA-256
layout         reads the options and the indexes of the collections that are backed up
copier         takes a backup with pymongo
mongo_tools    takes and restores a backup with mongodump and mongorestore
verification   compares the files of a backup with the manifest of the backup
scratch        makes scratch databases, and always drops them
restoration    restores a backup into a scratch database, and compares the contents
damage         makes damaged copies of a backup, which the verification must refuse
target_backups chooses the tool and the folder for the backups of a target
"""


class BackupError(Exception):
    """A backup cannot be taken, read or restored; the message has the reason."""
