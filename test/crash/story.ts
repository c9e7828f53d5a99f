import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Chance, chanceFrom } from './chance.ts'
import { type Imports, startImports } from './imports.ts'
import { peopleFrom } from './people.ts'
import { kill, type Process, stillRunning } from './processes.ts'
import { type Load, startLoad } from './senders.ts'
import { groupOf, type Place, placeIn, readiness, type Server, startServer, stopServer } from './server.ts'
import { endsTheServer, type Shot, shoot } from './shots.ts'
import { add, emptyVerdict, isClean, type Verdict, type Wrong } from './verify/verdict.ts'
import { type Verified, verify } from './verify/verify.ts'
import { Witness } from './witness.ts'

export interface StorySettings {
  seed: number
  people: number
  senders: number
  /** Messages per second. */
  rate: number
  /** Of each file; they are imported one after the other. */
  rowsPerFile: number
  say: (line: string) => void
}

const anyGroup: Shot = { target: 'group', moment: 'load', engines: 'left' }

/** Generous: what takes long here is a machine that is busy with something else. */
const leavingMs = 90_000

/** A server that is killed again and again under load, and what it has to answer for. */
export class Story {
  readonly directory: string
  readonly verdict: Verdict = emptyVerdict()
  readonly witness: Witness
  readonly #settings: StorySettings
  readonly #chance: Chance
  readonly #place: Place
  readonly #load: Load
  readonly #imports: Imports
  #server: Server
  #kills = 0

  private constructor(settings: StorySettings, directory: string, place: Place, server: Server) {
    this.#settings = settings
    this.#chance = chanceFrom(settings.seed)
    this.directory = directory
    this.#place = place
    this.#server = server
    this.witness = new Witness(join(directory, 'witness.ndjson'))
    const { seed, senders, rate, rowsPerFile } = settings
    const { url } = place
    const people = peopleFrom(seed, settings.people)
    this.#load = startLoad({ url, people, witness: this.witness, seed, senders, rate })
    this.#imports = startImports({ url, people, seed, rowsPerFile, rowsPerSecond: rate / 2 })
  }

  /** Before it is ready for the first time, it is killed so often, wherever its first start has got to. */
  static async begin(settings: StorySettings, killedBefore = 2): Promise<Story> {
    const directory = mkdtempSync(join(tmpdir(), 'zhike-crash-'))
    // PostgreSQL may run as another user.
    chmodSync(directory, 0o755)
    const place = await placeIn(directory)
    writeFileSync(place.logFile, '')
    const story = new Story(settings, directory, place, startServer(place))
    try {
      for (let kill = 0; kill < killedBefore; kill++) await story.#killFirstStart()
      await readiness(story.#server)
      return story
    } catch (error) {
      await story.abandon()
      throw error
    }
  }

  async #killFirstStart(): Promise<void> {
    await sleep(this.#chance.between(0, 3_000))
    this.#settings.say(`killed during its first start: ${shoot(anyGroup, this.#server, this.#chance)}`)
    await this.#server.ended
    this.#server = startServer(this.#place)
  }

  get server(): Server {
    return this.#server
  }

  /** One kill, and everything back in order after it. */
  async kill(shot: Shot): Promise<void> {
    const { acknowledged, unanswered } = this.witness.requests
    if (shot.moment === 'start') await this.#restartFor()
    if (shot.moment === 'stop') process.kill(this.#server.pid, 'SIGTERM')
    await sleep(this.#waitFor(shot))
    const before = groupOf(this.#server)
    this.witness.notes({ kill: this.#kills + 1, shot })
    const hit = shoot(shot, this.#server, this.#chance)
    this.#kills += 1
    const from = performance.now()
    if (endsTheServer(shot)) await this.#startAfter(shot, before)
    else await this.#recovers(shot)
    const after = this.witness.requests
    this.#settings.say(
      [
        `kill ${String(this.#kills).padStart(3)}: ${shot.target} during ${shot.moment}, ${hit}`,
        `${after.acknowledged - acknowledged} requests acknowledged, ${after.unanswered - unanswered} unanswered`,
        `ready after ${((performance.now() - from) / 1_000).toFixed(1)} s${this.#recovered()}`,
      ].join('; '),
    )
  }

  /** A stop by request, under load, and a new start. */
  async restart(): Promise<void> {
    await this.#stop()
    this.#server = startServer(this.#place)
    await readiness(this.#server)
    this.#settings.say('stopped and started by request')
  }

  /** Compares everything with the witness, while nothing is on its way. */
  async verify(): Promise<Verified> {
    const verified = await this.compareAfter(async () => undefined)
    add(this.verdict, verified.verdict)
    return verified
  }

  /** The same after somebody has laid hands on what is stored; it does not count. */
  async compareAfter(change: (server: Server) => Promise<void>): Promise<Verified> {
    await Promise.all([this.#load.pause(), this.#imports.pause()])
    await readiness(this.#server)
    await change(this.#server)
    const verified = await verify(this.#server, this.witness, this.#imports.files)
    this.#load.goOn()
    this.#imports.goOn()
    return verified
  }

  async end(): Promise<void> {
    await Promise.all([this.#load.end(), this.#imports.end()])
    await this.#stop()
    for (const fault of [...this.witness.faults, ...this.#imports.faults]) this.#accuse('answered', fault)
    this.witness.close()
    writeFileSync(join(this.directory, 'verdict.json'), JSON.stringify(this.verdict, undefined, 2))
  }

  /** Ends everything at once, in whatever state it is. */
  async abandon(): Promise<void> {
    for (const { pid } of groupOf(this.#server)) kill(pid)
    this.#imports.giveUp()
    await this.#load.end()
    this.witness.close()
  }

  /** @param keep leaves the data for whoever wants to look */
  remove(keep = !isClean(this.verdict)): void {
    if (!keep) rmSync(this.directory, { recursive: true, force: true })
  }

  #waitFor({ moment }: Shot): number {
    if (moment === 'start') return this.#chance.between(0, 1_500)
    if (moment === 'stop') return this.#chance.between(0, 500)
    return moment === 'recovery' ? this.#chance.between(0, 250) : this.#chance.between(200, 2_000)
  }

  /** Ends the server by force, so that its start can be met. */
  async #restartFor(): Promise<void> {
    shoot(anyGroup, this.#server, this.#chance)
    await this.#server.ended
    this.#server = startServer(this.#place)
  }

  async #startAfter(shot: Shot, before: readonly Process[]): Promise<void> {
    await this.#server.ended
    if (shot.engines === 'awaited') await this.#nobodyLeft(before, 'the main process was killed')
    this.#server = startServer(this.#place)
    await readiness(this.#server)
  }

  /** An engine is started again by the main process, which goes on. */
  async #recovers(shot: Shot): Promise<void> {
    const { pid } = this.#server
    // The answer to “ready?” may still be the old one.
    await sleep(300)
    await readiness(this.#server)
    if (this.#server.hasEnded()) this.#accuse('answered', `the server (${pid}) ended because its ${shot.target} was killed`)
  }

  async #stop(): Promise<void> {
    const before = groupOf(this.#server)
    const how = await stopServer(this.#server)
    if (how !== 'code 0') this.#accuse('answered', `the server ended with ${how} when it was asked to stop`)
    await this.#nobodyLeft(before, 'the server was asked to stop')
  }

  async #nobodyLeft(before: readonly Process[], because: string): Promise<void> {
    for (const from = performance.now(); stillRunning(before).length > 0; await sleep(50)) {
      if (performance.now() - from < leavingMs) continue
      this.#accuse(
        'leaked',
        `${because}, and ${leavingMs / 1_000} s later there are still ${stillRunning(before).map(({ command }) => command.join(' '))}`,
      )
      return
    }
  }

  #accuse(wrong: Wrong, sentence: string): void {
    this.verdict[wrong].push(sentence)
  }

  /** How much the last start had to finish, by what the server says. */
  #recovered(): string {
    const count = this.#server.said().split('completed a range that was decided before').length - 1
    return count > 0 ? `; it finished ${count} range${count > 1 ? 's' : ''}` : ''
  }
}
