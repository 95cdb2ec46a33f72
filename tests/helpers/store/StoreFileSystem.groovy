// A file system beside that of the machine, for tests: store://BUCKET/KEY, kept in the folder STORE_ROOT. It is strict
// where object stores are: a path's text has no scheme, a bucket has no name, no path is a File, and paths of two file
// systems do not mix.

import java.nio.channels.SeekableByteChannel
import java.nio.file.AccessMode
import java.nio.file.CopyOption
import java.nio.file.DirectoryStream
import java.nio.file.FileStore
import java.nio.file.FileSystem
import java.nio.file.Files
import java.nio.file.LinkOption
import java.nio.file.OpenOption
import java.nio.file.Path
import java.nio.file.PathMatcher
import java.nio.file.ProviderMismatchException
import java.nio.file.StandardOpenOption
import java.nio.file.WatchEvent
import java.nio.file.WatchKey
import java.nio.file.WatchService
import java.nio.file.attribute.BasicFileAttributes
import java.nio.file.attribute.FileAttribute
import java.nio.file.attribute.FileAttributeView
import java.nio.file.attribute.UserPrincipalLookupService
import java.nio.file.spi.FileSystemProvider

class StoreProvider extends FileSystemProvider {
    final StoreFileSystem store = new StoreFileSystem(this)

    static Path local(Path path) {
        return Path.of(System.getenv('STORE_ROOT')).resolve(StorePath.of(path).parts.join('/'))
    }

    String getScheme() { return 'store' }

    FileSystem newFileSystem(URI uri, Map<String, ?> env) { return store }

    FileSystem getFileSystem(URI uri) { return store }

    Path getPath(URI uri) { return new StorePath(store, true, "${uri.authority ?: ''}/${uri.path ?: ''}") }

    SeekableByteChannel newByteChannel(Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes) {
        if (options.contains(StandardOpenOption.WRITE) || options.contains(StandardOpenOption.APPEND)) {
            Files.createDirectories(local(path).parent) // a key needs no folder
        }
        return Files.newByteChannel(local(path), options)
    }

    DirectoryStream<Path> newDirectoryStream(Path dir, DirectoryStream.Filter<? super Path> filter) {
        def names = local(dir).toFile().list().sort()
        def found = names.collect { name -> dir.resolve(name) }.findAll { path -> filter.accept(path) }
        return [iterator: { found.iterator() }, close: { }] as DirectoryStream<Path>
    }

    void createDirectory(Path dir, FileAttribute<?>... attributes) { Files.createDirectories(local(dir)) }

    void delete(Path path) { Files.delete(local(path)) }

    void copy(Path source, Path target, CopyOption... options) {
        Files.createDirectories(local(target).parent)
        Files.copy(local(source), local(target), options)
    }

    void move(Path source, Path target, CopyOption... options) { Files.move(local(source), local(target), options) }

    boolean isSameFile(Path one, Path other) { return one == other }

    boolean isHidden(Path path) { return false }

    FileStore getFileStore(Path path) { throw new UnsupportedOperationException() }

    void checkAccess(Path path, AccessMode... modes) { local(path).fileSystem.provider().checkAccess(local(path), modes) }

    <V extends FileAttributeView> V getFileAttributeView(Path path, Class<V> type, LinkOption... options) {
        return Files.getFileAttributeView(local(path), type, options)
    }

    <A extends BasicFileAttributes> A readAttributes(Path path, Class<A> type, LinkOption... options) {
        return Files.readAttributes(local(path), type, options)
    }

    Map<String, Object> readAttributes(Path path, String names, LinkOption... options) {
        return Files.readAttributes(local(path), names, options)
    }

    void setAttribute(Path path, String name, Object value, LinkOption... options) { throw new UnsupportedOperationException() }
}

class StoreFileSystem extends FileSystem {
    final StoreProvider owner

    StoreFileSystem(StoreProvider owner) { this.owner = owner }

    FileSystemProvider provider() { return owner }

    void close() { throw new UnsupportedOperationException() }

    boolean isOpen() { return true }

    boolean isReadOnly() { return false }

    String getSeparator() { return '/' }

    Iterable<Path> getRootDirectories() { return [] }

    Iterable<FileStore> getFileStores() { return [] }

    Set<String> supportedFileAttributeViews() { return ['basic'] as Set }

    Path getPath(String first, String... more) { return new StorePath(this, first.startsWith('/'), [first, *more].join('/')) }

    PathMatcher getPathMatcher(String pattern) {
        def matcher = Path.of('/').fileSystem.getPathMatcher(pattern)
        return { Path path -> matcher.matches(Path.of(path.toString())) } as PathMatcher
    }

    UserPrincipalLookupService getUserPrincipalLookupService() { throw new UnsupportedOperationException() }

    WatchService newWatchService() { throw new UnsupportedOperationException() }
}

class StorePath implements Path {
    final StoreFileSystem store
    final boolean absolute
    final List<String> parts // with the bucket, where absolute

    StorePath(StoreFileSystem store, boolean absolute, String text) { this(store, absolute, text.tokenize('/') as List<String>) }

    StorePath(StoreFileSystem store, boolean absolute, List<String> parts) {
        this.store = store
        this.absolute = absolute
        this.parts = parts
    }

    static StorePath of(Path path) {
        if (!(path instanceof StorePath)) {
            throw new ProviderMismatchException("${path} (${path.getClass().simpleName}) is not of the store")
        }
        return (StorePath) path
    }

    private StorePath made(boolean whole, List<String> names) { return new StorePath(store, whole, names) }

    FileSystem getFileSystem() { return store }

    boolean isAbsolute() { return absolute }

    Path getRoot() { return absolute ? made(true, parts.take(1)) : null }

    Path getFileName() { return parts.size() > (absolute ? 1 : 0) ? made(false, parts.takeRight(1)) : null }

    Path getParent() { return parts.size() > 1 ? made(absolute, parts.dropRight(1)) : null }

    int getNameCount() { return parts.size() - (absolute ? 1 : 0) }

    Path getName(int index) { return made(false, [parts[index + (absolute ? 1 : 0)]]) }

    Path subpath(int begin, int end) { return made(false, parts.drop(absolute ? 1 : 0).subList(begin, end)) }

    boolean startsWith(Path other) { return other instanceof StorePath && other.absolute == absolute && parts.take(other.parts.size()) == other.parts }

    boolean endsWith(Path other) { return other instanceof StorePath && parts.takeRight(other.parts.size()) == other.parts }

    Path normalize() {
        def kept = []
        parts.each { name -> name == '..' ? kept.pop() : name == '.' ?: kept.add(name) }
        return made(absolute, kept)
    }

    Path resolve(Path other) {
        def found = of(other)
        return found.absolute ? found : made(absolute, parts + found.parts)
    }

    Path relativize(Path other) { return made(false, of(other).parts.drop(parts.size())) }

    URI toUri() { return new URI('store', parts[0], '/' + parts.drop(1).join('/'), null, null) }

    Path toAbsolutePath() { return this }

    Path toRealPath(LinkOption... options) { throw new UnsupportedOperationException() }

    File toFile() { throw new UnsupportedOperationException() }

    WatchKey register(WatchService watcher, WatchEvent.Kind<?>[] events, WatchEvent.Modifier... modifiers) { throw new UnsupportedOperationException() }

    int compareTo(Path other) { return toString() <=> other.toString() }

    boolean equals(Object other) { return other instanceof StorePath && other.absolute == absolute && other.parts == parts }

    int hashCode() { return parts.hashCode() }

    String toString() { return (absolute ? '/' : '') + parts.join('/') }
}
