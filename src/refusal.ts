/**
 * A caller's mistake: answered with its status, a stable code and a sentence that says what to do.
 * `details` lists single faults by path. The sentence never carries a value that a person sent.
 */
export class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly details: readonly RefusalDetail[]

  constructor(status: number, code: string, sentence: string, details: readonly RefusalDetail[] = []) {
    super(sentence)
    this.name = 'Refusal'
    this.status = status
    this.code = code
    this.details = details
  }
}

export interface RefusalDetail {
  /** Where in the request: `batch[3].userId`, a query parameter, a column. */
  path: string
  message: string
}
