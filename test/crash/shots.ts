import type { Chance } from './chance.ts'
import { kill, killAll, type Part, type Process } from './processes.ts'
import { groupOf, type Server } from './server.ts'

/** What is killed, and when: under load, while the server starts, while it recovers under the load that has waited for it, or while it stops. */
export interface Shot {
  target: 'group' | 'main' | 'clickhouse' | 'postgres' | 'backend'
  moment: 'load' | 'start' | 'recovery' | 'stop'
  /** After the main process alone: whether the next start waits until its engines have gone. */
  engines: 'left' | 'awaited'
}

const shot = (target: Shot['target'], moment: Shot['moment'], engines: Shot['engines'] = 'left'): Shot => ({ target, moment, engines })

/** Ten kills with everything in them; a longer series is this again and again in another order. */
const deck: readonly Shot[] = [
  shot('group', 'load'),
  shot('group', 'load'),
  shot('group', 'stop'),
  shot('group', 'start'),
  shot('group', 'recovery'),
  shot('main', 'load', 'awaited'),
  shot('main', 'load', 'left'),
  shot('clickhouse', 'load'),
  shot('postgres', 'load'),
  shot('backend', 'load'),
]

export function shotsFor(count: number, chance: Chance): Shot[] {
  const shots: Shot[] = []
  while (shots.length < count) shots.push(...chance.shuffled(deck))
  return shots.slice(0, count)
}

/** An engine's end leaves the main process alive. */
export function endsTheServer({ target }: Shot): boolean {
  return target === 'group' || target === 'main'
}

/** What was hit, as words. */
export function shoot({ target }: Shot, server: Server, chance: Chance): string {
  if (target === 'group') {
    const { count, tookMs } = killAll(
      () => groupOf(server),
      processes => chance.shuffled(processes),
    )
    return `${count} processes within ${tookMs.toFixed(1)} ms`
  }
  const part: Part = target
  const victim = oneOf(groupOf(server), part, chance)
  if (victim) kill(victim.pid)
  return victim
    ? `process ${victim.pid}${target === 'backend' ? ` (${victim.command.join(' ').trim()})` : ''}`
    : 'nobody, it was not running'
}

function oneOf(processes: readonly Process[], part: Part, chance: Chance): Process | undefined {
  const candidates = processes.filter(found => found.part === part)
  return candidates.length > 0 ? chance.pick(candidates) : undefined
}
