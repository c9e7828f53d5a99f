import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export type Part = 'main' | 'clickhouse' | 'postgres' | 'backend' | 'watcher' | 'other'

/** A process of a Zhike. Its number alone may be another's by the time it is looked at again; with the moment of its start it is unique. */
export interface Process {
  pid: number
  parent: number
  startedAt: string
  command: string[]
  part: Part
}

/** Every process that belongs to the Zhike of a data directory: the main one, what it started, and what an earlier one left behind. */
export function processesOf(dataDir: string, main: number | undefined): Process[] {
  const all = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(name => readProcess(Number(name)))
    .filter(found => found !== undefined)
    .filter(({ pid }) => pid !== process.pid)
  const ours = new Set(all.filter(({ pid, command }) => pid === main || isAbout(pid, command, dataDir)).map(({ pid }) => pid))
  for (let before = -1; before !== ours.size; ) {
    before = ours.size
    for (const { pid, parent, command } of all) if (ours.has(parent) || ours.has(watchedBy(command))) ours.add(pid)
  }
  return all.filter(({ pid }) => ours.has(pid)).map(found => ({ ...found, part: partOf(found, main) }))
}

/** Those of them that still run. */
export function stillRunning(processes: readonly Process[]): Process[] {
  return processes.filter(({ pid, startedAt }) => readProcess(pid)?.startedAt === startedAt)
}

/** Kills all of them in one go; those that were born meanwhile right after. Returns how many, and within how long the first of them. */
export function killAll(processes: () => Process[], order: (processes: Process[]) => Process[]): { count: number; tookMs: number } {
  const victims = order(processes())
  const from = performance.now()
  for (const { pid } of victims) kill(pid)
  const tookMs = performance.now() - from
  const killed = new Set(victims.map(({ pid }) => pid))
  for (let left = processes(); left.length > 0; left = processes())
    for (const { pid } of left) {
      kill(pid)
      killed.add(pid)
    }
  return { count: killed.size, tookMs }
}

export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

function isAbout(pid: number, command: readonly string[], dataDir: string): boolean {
  const below = `${dataDir}/`
  if (command.some(word => word === dataDir || word.startsWith(below) || word.includes(`=${below}`))) return true
  return command[0]?.startsWith('postgres:') === true && `${placeOf(pid)}/`.startsWith(below)
}

function watchedBy(command: readonly string[]): number {
  const at = command.indexOf('watcher')
  return at < 0 ? -1 : Number(command[at + 1])
}

function partOf({ pid, command }: Omit<Process, 'part'>, main: number | undefined): Part {
  if (pid === main) return 'main'
  if (command.some(word => word.endsWith('/clickhouse-process.ts'))) return 'clickhouse'
  if (command[0]?.startsWith('postgres:')) return 'backend'
  if (command[0]?.endsWith('/postgres')) return 'postgres'
  return watchedBy(command) > 0 ? 'watcher' : 'other'
}

/** Undefined when there is none, or only what its parent has not yet taken note of. */
function readProcess(pid: number): Omit<Process, 'part'> | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, parent, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (state === 'Z' || state === 'X') return undefined
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      .split('\0')
      .filter(word => word !== '')
    return { pid, parent: Number(parent), startedAt: rest[17] ?? '', command }
  } catch {
    return undefined
  }
}

function placeOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ''
  }
}
