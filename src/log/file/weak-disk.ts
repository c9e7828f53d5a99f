import { dirname } from 'node:path'
import type { Disk, DiskFile } from './disk.ts'

/**
 * A disk in memory for tests, as unkind as a real one may be: what was not synced survives a power cut in part, sector by sector and name by name;
 * a sync that fails leaves its data readable, looking clean, and not on the disk; a full disk takes the first part of a write.
 */
export class WeakDisk implements Disk {
  /** Changes asked for so far; `cutAt` (nothing works from there on) and `failSyncAt` count in these. */
  operations = 0
  cutAt = Number.POSITIVE_INFINITY
  readonly failSyncAt = new Set<number>()
  capacity = Number.POSITIVE_INFINITY
  #chance: () => number
  #powered = true
  #generation = 0
  #seen = new Map<string, Content>()
  #durable = new Map<string, Content>()
  #unsyncedNames: { directory: string; apply: (names: Map<string, Content>) => void }[] = []

  /** @param chance uniform in [0, 1), decides what survives */
  constructor(chance: () => number) {
    this.#chance = chance
  }

  /** The process has died, and another one comes: files are as they were seen, no more of them is on the disk than before. */
  revive(): void {
    this.#powered = true
    this.cutAt = Number.POSITIVE_INFINITY
    this.failSyncAt.clear()
    this.#generation += 1
  }

  /** The machine has lost its power and comes back: what is there now is what survived. */
  restart(): void {
    const lost = new Set<string>()
    for (const { directory, apply } of this.#unsyncedNames) {
      if (this.#chance() < 0.5) lost.add(directory)
      if (!lost.has(directory)) apply(this.#durable)
    }
    for (const content of this.#durable.values()) content.loseUnsynced(this.#chance)
    this.#unsyncedNames = []
    this.#seen = new Map(this.#durable)
    this.revive()
  }

  async list(directory: string): Promise<string[]> {
    this.#alive()
    return [...this.#seen.keys()].filter(path => dirname(path) === directory).map(path => path.slice(directory.length + 1))
  }

  async makeDirectory(): Promise<void> {}

  async syncDirectory(directory: string): Promise<void> {
    this.#operate()
    this.#refuseSync()
    for (const change of this.#unsyncedNames) if (change.directory === directory) change.apply(this.#durable)
    this.#unsyncedNames = this.#unsyncedNames.filter(change => change.directory !== directory)
  }

  async create(path: string): Promise<DiskFile> {
    this.#operate()
    if (this.used >= this.capacity) throw failure('ENOSPC')
    const content = new Content()
    this.#rename(path, names => names.set(path, content))
    return this.#handle(content)
  }

  async open(path: string): Promise<DiskFile> {
    this.#alive()
    const content = this.#seen.get(path)
    if (!content) throw failure('ENOENT')
    return this.#handle(content)
  }

  async rename(from: string, to: string): Promise<void> {
    this.#operate()
    const content = this.#seen.get(from)
    if (!content) throw failure('ENOENT')
    this.#rename(to, names => {
      names.delete(from)
      names.set(to, content)
    })
  }

  async remove(path: string): Promise<void> {
    this.#operate()
    this.#rename(path, names => names.delete(path))
  }

  async freeBytes(): Promise<number> {
    this.#alive()
    return this.capacity - this.used
  }

  #handle(content: Content): DiskFile {
    const generation = this.#generation
    const operate = () => {
      if (generation !== this.#generation) throw failure('EBADF')
      this.#operate()
    }
    return {
      size: async () => content.seen.length,
      read: async (into, position) => content.seen.copy(into, 0, position),
      write: async (parts, position) => {
        const bytes = Buffer.concat(parts)
        try {
          operate()
        } catch (error) {
          content.write(bytes.subarray(0, Math.floor(this.#chance() * bytes.length)), position)
          throw error
        }
        const growth = Math.max(0, position + bytes.length - content.seen.length)
        const missing = Math.max(0, this.used + growth - this.capacity)
        content.write(bytes.subarray(0, bytes.length - missing), position)
        if (missing > 0) throw failure('ENOSPC')
      },
      sync: async () => {
        operate()
        try {
          this.#refuseSync()
        } catch (error) {
          content.loseUnsynced(this.#chance, false)
          throw error
        }
        content.sync()
      },
      truncate: async size => {
        operate()
        content.truncate(size)
      },
      close: async () => {},
    }
  }

  #rename(path: string, apply: (names: Map<string, Content>) => void): void {
    apply(this.#seen)
    this.#unsyncedNames.push({ directory: dirname(path), apply })
  }

  get used(): number {
    return [...this.#seen.values()].reduce((sum, content) => sum + content.seen.length, 0)
  }

  #alive(): void {
    if (!this.#powered) throw failure('EIO')
  }

  #operate(): void {
    this.operations += 1
    if (this.operations >= this.cutAt) this.#powered = false
    this.#alive()
  }

  #refuseSync(): void {
    if (this.failSyncAt.has(this.operations)) throw failure('EIO')
  }
}

type Change = { write: Buffer; position: number } | { truncate: number }

const sectorBytes = 512

class Content {
  seen = Buffer.alloc(0)
  #durable = Buffer.alloc(0)
  #unsynced: Change[] = []

  write(bytes: Buffer, position: number): void {
    this.seen = written(this.seen, bytes, position)
    this.#unsynced.push({ write: Buffer.from(bytes), position })
  }

  truncate(size: number): void {
    this.seen = resized(this.seen, size)
    this.#unsynced.push({ truncate: size })
  }

  sync(): void {
    for (const change of this.#unsynced) this.#apply(change, () => true)
    this.#unsynced = []
  }

  /** Some of the unsynced sectors reach the disk, the others never will. `forget`: and nobody can read them any more. */
  loseUnsynced(chance: () => number, forget = true): void {
    const share = [0, 0.5, 1][Math.floor(chance() * 3)] ?? 0
    for (const change of this.#unsynced) this.#apply(change, () => chance() < share)
    this.#unsynced = []
    if (forget) this.seen = this.#durable
  }

  #apply(change: Change, reaches: () => boolean): void {
    if ('truncate' in change) {
      if (reaches()) this.#durable = resized(this.#durable, change.truncate)
      return
    }
    const { write, position } = change
    for (let start = 0; start < write.length; ) {
      const end = Math.min(write.length, start + sectorBytes - ((position + start) % sectorBytes))
      if (reaches()) this.#durable = written(this.#durable, write.subarray(start, end), position + start)
      start = end
    }
  }
}

function written(content: Buffer, bytes: Buffer, position: number): Buffer<ArrayBuffer> {
  const result = resized(content, Math.max(content.length, position + bytes.length))
  bytes.copy(result, position)
  return result
}

function resized(content: Buffer, size: number): Buffer<ArrayBuffer> {
  const result = Buffer.alloc(size)
  content.copy(result)
  return result
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code })
}
