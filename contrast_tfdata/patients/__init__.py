"""Who is who, and who may stand where: hashed names, groups, copies and look-alikes, splits, and the plan of them all.

group_keys, identity (what a patient is called) -> grouping, near_duplicates (who belongs together) ->
duplicates -> assignment, splits (who goes where) -> plan; one_person, copied_patients, look_alikes (what to warn of).
"""
