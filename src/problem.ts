import { z } from '@hono/zod-openapi'

/** What a refused request gets: an RFC 9457 problem document. */
export const problemSchema = z
  .object({
    type: z.string().openapi({ description: 'Stable address of the kind of problem', example: 'urn:zhike:problem:invalid-request' }),
    title: z.string().openapi({ example: 'Bad Request' }),
    status: z.int().openapi({ example: 400 }),
    code: z.string().openapi({ description: 'The last part of `type`, to compare with', example: 'invalid-request' }),
    detail: z
      .string()
      .openapi({ description: 'A sentence that says what to do', example: 'the request does not fit its description, see details' }),
    details: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .openapi({ description: 'Single faults by path', example: [{ path: 'limit', message: 'Too big: expected number to be <=1000' }] }),
    requestId: z.string().openapi({ description: 'Names the request in the log', example: '6f1c0d5e-7f5b-4a53-9c57-0f3f6e1f1a11' }),
  })
  .openapi('Problem')
export type Problem = z.infer<typeof problemSchema>
