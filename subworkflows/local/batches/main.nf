// Small slices in one task, which loads its libraries once for all of them (bin/several.py). A batch is fixed by the place of
// its rows in the samplesheet, so that -resume repeats the batches of what changed and no others.

// Bytes of a slice's inputs above which it makes a task of its own: some 8,000 spots of Visium, of which loading is a few
// percent of the work.
def mostBytes() {
    return 32 << 20
}

// [ meta, ... ] to [ [meta, meta], ... ], where everything else of the slices becomes lists too, in the order of the sheet. Of
// shared values, the first so many behind meta, a batch has one. A batch goes on when all its rows are there; one with rows that
// failed, or take no part, when no more can come. limit: the parameter that says how many slices a task may have.
def inBatches(ch_slices, ch_run, String limit, int n_shared = 0) {
    return ch_slices
        .combine(ch_run)
        .flatMap { entry -> withBatch(entry.dropRight(1), entry.last().places, entry.last()[limit] as int, n_shared) }
        .groupTuple(remainder: true)
        .map { batch, members -> [batch.getGroupTarget(), members.findAll().sort { member -> member.place }] }
        .filter { _batch, members -> members }
        .map { batch, members ->
            def columns = members.collect { member -> member.values }.transpose()
            [columns[0]] + batch.shared + columns.drop(1)
        }
}

// [ [ batch, member ], ... ]: a large slice goes alone and at once, and leaves an empty place where it is waited for.
def withBatch(List entry, Map places, int limit, int n_shared) {
    def place  = places[entry[0].id]
    def number = place.intdiv(limit)
    def size   = [limit, places.size() - number * limit].min()
    def shared = entry.subList(1, 1 + n_shared)
    def member = [place: place, values: [entry[0]] + entry.drop(1 + n_shared)]
    return size > 1 && bytesIn(entry) > mostBytes()
        ? [[groupKey([alone: place, shared: shared], 1), member], [groupKey([number: number, shared: shared], size), [:]]]
        : [[groupKey([number: number, shared: shared], size), member]]
}

def bytesIn(List entry) {
    return entry.flatten().findAll { value -> value instanceof java.nio.file.Path }.collect { path -> path.size() }.sum(0)
}

// What a task left of its slices, [ [meta, meta], ..., [path, path], ... ], as [ [ meta, ..., path, ... ], ... ]: of each slice that has
// one file in each place, which lie in the folder of its name. lists: places, from 0, of which a slice has all its files, be they none.
def apart(List batch, int n_shared = 0, List lists = []) {
    def shared = batch.subList(1, 1 + n_shared)
    def places = batch.drop(1 + n_shared).withIndex()
    return batch[0]
        .collect { meta -> [meta] + shared + places.collect { paths, k -> k in lists ? filesOf(meta, paths) : filesOf(meta, paths)[0] } }
        .findAll { entry -> entry.every { value -> value != null } }
}

def filesOf(Map meta, paths) {
    return [paths].flatten().findAll { path -> path.parent.name == meta.id }
}

// Files of which each slice has none, one or several, [ [path], [], path ], as a task takes them: [ [path, path], [ 1, 0, 1 ] ].
def inOneList(List files) {
    return [files.flatten(), files.collect { paths -> [paths].flatten().size() }]
}

// And as the task tells them apart again: those of each slice.
def portions(files, List sizes) {
    def given = [files].flatten()
    return sizes.withIndex().collect { size, k -> given.drop(sizes.take(k).sum(0)).take(size) }
}

// Bytes of the slice that has most of such files.
def mostOfOne(files, List sizes) {
    return portions(files, sizes).collect { given -> bytesIn(given) }.max()
}

// The commands of a task for bin/several.py. files: of each slice, all that it reads, which it finds in `in`; words: a closure that
// gives what it is told, [ [ '--seed', 0 ], ... ]. (As JSON in a heredoc, where no shell takes names for anything else.)
def commandsOf(List metas, List files, Closure words) {
    def commands = metas.withIndex().collect { meta, k ->
        [folder: folderOf(meta), files: [in: files[k].collect { file -> stagedName(file) }], words: words.call(meta, k).flatten()*.toString()]
    }
    return groovy.json.JsonOutput.toJson(commands)
}

// Where a slice finds a file that it reads.
def placeOf(file) {
    return "in/${stagedName(file).tokenize('/').last()}".toString()
}

// (as text, a staged file is quoted for a shell; by name it is arrays1/stmfg.arrays.npz)
def stagedName(file) {
    return file instanceof CharSequence ? file : file.name
}

// Where a task has what it makes of a slice.
def folderOf(Map meta) {
    return "slices/${meta.id}".toString()
}

// The same of all slices, as words for a shell.
def foldersOf(List metas) {
    return metas.collect { meta -> "'${folderOf(meta)}'" }.join(' ')
}

// cortex_1, or cortex_1+7 with seven others.
def tagOf(List metas) {
    return metas.size() > 1 ? "${metas[0].id}+${metas.size() - 1}" : metas[0].id
}
