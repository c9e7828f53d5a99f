import { mkdir, open, readdir, rename, rm, statfs } from 'node:fs/promises'

/** What the log asks of a file system. Tests put one in its place that runs full or loses power. */
export interface Disk {
  /** Names in a directory; none when it does not exist. */
  list(directory: string): Promise<string[]>
  makeDirectory(directory: string): Promise<void>
  /** After this, files created, renamed and removed in the directory stay so through a power failure. */
  syncDirectory(directory: string): Promise<void>
  /** An empty file, in place of what had the name. */
  create(path: string): Promise<DiskFile>
  open(path: string): Promise<DiskFile>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  freeBytes(directory: string): Promise<number>
}

export interface DiskFile {
  size(): Promise<number>
  /** Fills the buffer from `position` as far as the file goes; the number of bytes read. */
  read(into: Buffer, position: number): Promise<number>
  /** All of the parts, one behind the other, or it throws. */
  write(parts: readonly Buffer[], position: number): Promise<void>
  /** `fdatasync` */
  sync(): Promise<void>
  truncate(size: number): Promise<void>
  close(): Promise<void>
}

export const nodeDisk: Disk = {
  list: directory =>
    readdir(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    }),
  async makeDirectory(directory) {
    await mkdir(directory, { recursive: true, mode: 0o700 })
  },
  async syncDirectory(directory) {
    const handle = await open(directory, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
  create: path => openFile(path, 'w+'),
  open: path => openFile(path, 'r+'),
  rename,
  remove: path => rm(path, { force: true }),
  async freeBytes(directory) {
    const { bavail, bsize } = await statfs(directory)
    return bavail * bsize
  },
}

async function openFile(path: string, flags: string): Promise<DiskFile> {
  const handle = await open(path, flags, 0o600)
  return {
    size: async () => (await handle.stat()).size,
    async read(into, position) {
      let filled = 0
      while (filled < into.length) {
        const { bytesRead } = await handle.read(into, filled, into.length - filled, position + filled)
        if (bytesRead === 0) break
        filled += bytesRead
      }
      return filled
    },
    async write(parts, position) {
      let left = [...parts]
      let at = position
      while (left.length > 0) {
        const { bytesWritten } = await handle.writev(left, at)
        at += bytesWritten
        left = behind(left, bytesWritten)
      }
    },
    sync: () => handle.datasync(),
    truncate: size => handle.truncate(size),
    close: () => handle.close(),
  }
}

/** What is left of the parts after so many bytes. */
function behind(parts: Buffer[], bytes: number): Buffer[] {
  let skip = bytes
  return parts.flatMap(part => {
    const cut = Math.min(skip, part.length)
    skip -= cut
    return cut === part.length ? [] : [part.subarray(cut)]
  })
}
