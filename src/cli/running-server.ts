import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { writePrivate } from '../access/private-file.ts'

const fileName = 'server.json'

/** Where a running server of a data directory is found: `<dataDir>/server.json`, for its owner only. */
export interface RunningServer {
  url: string
  pid: number
}

/** Written once the server listens. */
export function writeServerFile(dataDir: string, server: RunningServer): void {
  writePrivate(dataDir, fileName, `${JSON.stringify(server)}\n`)
}

/** Removed when the server stops; one that another process wrote stays. */
export function removeServerFile(dataDir: string, pid: number = process.pid): void {
  if (readServerFile(dataDir)?.pid === pid) rmSync(fileOf(dataDir), { force: true })
}

/** The server that runs on the data directory; undefined when there is none, also when a killed one left its file behind. */
export async function runningServer(dataDir: string): Promise<RunningServer | undefined> {
  const server = readServerFile(dataDir)
  if (!server || !isAlive(server.pid)) return undefined
  try {
    const health = await fetch(new URL('/health', server.url), { signal: AbortSignal.timeout(2_000) })
    return health.ok ? server : undefined
  } catch {
    return undefined
  }
}

function readServerFile(dataDir: string): RunningServer | undefined {
  try {
    const known: unknown = JSON.parse(readFileSync(fileOf(dataDir), 'utf8'))
    const { url, pid } = known as Partial<RunningServer>
    return typeof url === 'string' && URL.canParse(url) && typeof pid === 'number' ? { url, pid } : undefined
  } catch {
    return undefined
  }
}

function fileOf(dataDir: string): string {
  return join(dataDir, fileName)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
