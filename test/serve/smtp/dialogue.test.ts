import { after } from 'node:test'
import { playFile } from '#test/dialogue/play.ts'
import { openStage } from './stage.ts'

const mx = await openStage()
const submission = await openStage({ role: 'submission' })
after(() => Promise.all([mx.stop(0), submission.stop(0)]))

const folder = new URL('../../dialogue/smtp/', import.meta.url)
playFile(new URL('receiving.txt', folder), mx)
playFile(new URL('extensions.txt', folder), mx)
playFile(new URL('submission.txt', folder), submission)
