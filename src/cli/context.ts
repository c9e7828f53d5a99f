import type { Command } from 'commander'
import { type Config, configFrom } from '../config.ts'
import type { ApiClient } from './api-client.ts'
import type { Output } from './output.ts'
import type { StartZhike } from './with-server.ts'

/** What a command works with. */
export interface CliContext extends Output {
  environment: Readonly<Record<string, string | undefined>>
  start: StartZhike
  /** Fills a workspace with the carried data and tells what came of it. */
  fillDemo: FillDemo
  /** Brings files in through the API; resolves with the exit code. */
  importFiles: ImportFiles
  /** Resolves when the process is asked to end. */
  untilAsked(): Promise<void>
  /** The exit code, where it is not 0. */
  ends(exitCode: number): void
}

export type FillDemo = (api: ApiClient, options: DemoOptions, output: Output) => Promise<void>
export type ImportFiles = (api: ApiClient, files: readonly string[], options: ImportOptions, output: Output) => Promise<number>

export interface DemoOptions {
  clinic: boolean
  /** Where the workspace's clock starts, ms: the generated past ends there. */
  now?: number | undefined
}

export interface ImportOptions {
  /** Path of the mapping document; without it one is proposed from the header. */
  map: string | undefined
  /** Shows the first rows as they would become, changes nothing. */
  dryRun: boolean
  /** Where rejected rows go, with line numbers and reasons. */
  rejects: string | undefined
  /** Of the facts, instead of the mapping's. */
  source?: string | undefined
  /** Also a file that another mapping has imported. */
  again?: boolean | undefined
  json: boolean
}

/** One command: it adds itself, with its options and what it does. */
export type CliCommand = (program: Command, context: CliContext) => void

/** The environment with what the command line says instead. */
export function configOf(command: Command, context: CliContext, said: Readonly<Record<string, string | undefined>> = {}): Config {
  const data = command.optsWithGlobals<{ data?: string }>().data
  const given = Object.entries({ ZHIKE_DATA: data, ...said }).filter(([, value]) => value !== undefined)
  return configFrom({ ...context.environment, ...Object.fromEntries(given) })
}
