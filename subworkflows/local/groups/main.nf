// The name under which tasks and records of a group go, that of the slice where it stands alone.
def cohortOf(Map row, cohort) {
    return row.group_id && cohort != 'off' ? "group:${row.group_id}".toString() : row.meta.id
}
