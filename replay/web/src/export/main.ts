import { mount } from 'svelte'
import '../app.css'
import { answerBy } from '../api/client'
import { account } from '../shell/account.svelte'
import { answers, type Carried } from './answers'
import ExportApp from './ExportApp.svelte'

const read = (id: string) => JSON.parse(document.getElementById(id)?.textContent ?? 'null')

const carried: Carried = {
  ...read('about'), session: read('session'), index: read('index'), keyframes: read('keyframes'), moments: read('moments'),
  remarks: read('remarks'), entries: read('entries'), facts: read('facts'), frames: read('frames'),
}

answerBy(answers(carried))
account.me = { name: carried.by, kind: 'user' }
mount(ExportApp, { target: document.body, props: { carried } })
