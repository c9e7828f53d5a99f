import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Hopeless } from './engine.ts'

/**
 * Frees a data directory, which we hold the lock of, from a PostgreSQL that outlived its Zhike: asks it to end, then makes it. Also from the
 * processes of one whose postmaster was killed, and from a `postmaster.pid` whose number is another program's by now.
 */
export async function endStalePostmaster(directory: string): Promise<void> {
  const file = join(directory, 'postmaster.pid')
  for (let waitedMs = 0; ; waitedMs += 50) {
    const holders = [...new Set([...postmasterIn(file, directory), ...workersIn(directory)])]
    if (holders.length === 0) break
    if (waitedMs > 40_000)
      throw new Hopeless(
        'engine',
        `An old PostgreSQL (process ${holders.join(', ')}) still holds ${directory} and does not end; end it by hand.`,
      )
    if (waitedMs === 0) for (const pid of holders) send(pid, 'SIGINT')
    if (waitedMs === 15_000) for (const pid of holders) send(pid, 'SIGQUIT')
    if (waitedMs === 30_000) for (const pid of holders) send(pid, 'SIGKILL')
    await sleep(50)
  }
  // Elsewhere PostgreSQL finds out itself, as far as it can.
  if (process.platform === 'linux') rmSync(file, { force: true })
}

function postmasterIn(file: string, directory: string): number[] {
  if (!existsSync(file)) return []
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0])
  return Number.isInteger(pid) && pid > 1 && isPostmasterOf(pid, directory) ? [pid] : []
}

/** The process id may belong to another program by now: only a postgres that was started on this directory counts. */
function isPostmasterOf(pid: number, directory: string): boolean {
  if (process.platform === 'linux') {
    const words = textOf(`/proc/${pid}/cmdline`).split('\0')
    return words.includes(directory) && words.some(word => word.endsWith('/postgres'))
  }
  const listed = spawnSync('ps', ['-o', 'command=', '-p', `${pid}`]).stdout?.toString() ?? ''
  return listed.includes('postgres') && listed.includes(directory)
}

/** Every process of PostgreSQL works in the data directory. Where there is no /proc, PostgreSQL itself refuses to start beside them. */
function workersIn(directory: string): number[] {
  if (process.platform !== 'linux') return []
  const place = realpathSync(directory)
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => workingDirectoryOf(pid) === place && /(^|\/)postgres\b/.test(textOf(`/proc/${pid}/cmdline`)))
}

function workingDirectoryOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return undefined
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // Gone already.
  }
}
