import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Load {
  path: string
  body: string
  headers: Record<string, string>
  connections: number
  seconds: number
}

export interface Carried {
  requestsPerSecond: number
  p99Ms: number
}

/** Whether a program is there to be run. */
export async function has(program: string): Promise<boolean> {
  return run('sh', ['-c', `command -v ${program}`]).then(
    () => true,
    () => false,
  )
}

/**
 * As many requests as the server takes, from connections that stay open, with `wrk` in a process of its own.
 * @param core where to run it, if it can be told
 * @throws when an answer is no success
 */
export async function load(
  port: number,
  { path, body, headers, connections, seconds }: Load,
  directory: string,
  core: number | undefined,
): Promise<Carried> {
  const script = join(directory, 'load.lua')
  writeFileSync(join(directory, 'body'), body)
  writeFileSync(script, scriptOf(path, headers, join(directory, 'body')))
  const words = ['wrk', '-t1', `-c${connections}`, `-d${seconds}`, '--latency', '-s', script, `http://127.0.0.1:${port}`]
  const pinned = core === undefined ? words : ['taskset', '-c', String(core), ...words]
  const { stdout } = await run(pinned[0] as string, pinned.slice(1))
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`the server did not answer well: ${stdout}`)
  return {
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    p99Ms: milliseconds(/99%\s+([\d.]+)(us|ms|s)/.exec(stdout)),
  }
}

function scriptOf(path: string, headers: Record<string, string>, bodyFile: string): string {
  const lines = Object.entries(headers).map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`)
  return [
    `wrk.method = "POST"`,
    `wrk.path = ${JSON.stringify(path)}`,
    ...lines,
    `local file = io.open(${JSON.stringify(bodyFile)}, "rb")`,
    'wrk.body = file:read("*a")',
  ].join('\n')
}

function milliseconds(found: RegExpExecArray | null): number {
  const unit = { us: 0.001, ms: 1, s: 1000 }[found?.[2] ?? ''] ?? Number.NaN
  return Number(found?.[1]) * unit
}
