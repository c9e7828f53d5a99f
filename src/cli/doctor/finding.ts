import type { Config } from '../../config.ts'

/** What a look at one thing brought: a sentence, and what to do where it is not well. */
export interface Finding {
  about: string
  state: 'ok' | 'warning' | 'fault'
  found: string
  todo?: string
}

/** Looks at one thing. Nothing to say is no finding. */
export type Look = (config: Config) => Promise<Finding | Finding[] | undefined> | Finding | undefined
