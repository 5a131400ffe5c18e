import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';
import { Listening } from './listening.js';

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath: string | undefined = PATHS.find((path) => existsSync(path));

/** For tests that need a browser. */
export const withChromium: { readonly skip: string | false } = {
  skip: executablePath === undefined ? 'no Chromium is installed here' : false,
};

/** What a page got of a leader: one line for each thing that it tried. */
export interface Attempt {
  readonly page: string;
  readonly what: string;
  readonly outcome: string;
}

/**
 * Opens pages of several origins, all served from this host, and has each try to get at the leader's port in every way
 * that a page has. The user has waved every warning about certificates away.
 */
export async function browse(scheme: 'http' | 'https', port: number): Promise<Attempt[]> {
  await using pages = await Listening.open(
    createServer((_request, response) => void response.setHeader('content-type', 'text/html').end('<p>hello')),
  );
  const browser = await chromium.launch({
    ...(executablePath === undefined ? {} : { executablePath }),
    args: [
      '--no-sandbox',
      '--ignore-certificate-errors',
      '--host-resolver-rules=MAP *.example 127.0.0.1',
      '--disable-features=HttpsUpgrades,LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests,PrivateNetworkAccessSendPreflights',
    ],
  });
  try {
    const attempts: Attempt[] = [];
    // Another site; the same host on another port; a host whose name was bound anew, to lead to the leader.
    for (const [origin, target] of [
      [`http://evil.example:${pages.port}`, `127.0.0.1:${port}`],
      [`http://127.0.0.1:${pages.port}`, `127.0.0.1:${port}`],
      [`http://rebind.example:${pages.port}`, `rebind.example:${port}`],
    ] as const) {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      const page = await context.newPage();
      await page.goto(`${origin}/`);
      const outcomes = await page.evaluate(attack, `${scheme}://${target}/`);
      attempts.push(...outcomes.map(([what, outcome]) => ({ page: origin, what, outcome })));
      // At last the page itself goes there: then what it shows has the leader's own origin.
      const shown = await page.goto(`${scheme}://${target}/`).catch(() => undefined);
      attempts.push({ page: origin, what: 'navigate', outcome: shown?.ok() ? 'accepted' : 'refused' });
      if (shown) {
        const inside = await page.evaluate(attack, `${scheme}://${target}/`);
        attempts.push(...inside.map(([what, outcome]) => ({ page: 'the leader itself', what, outcome })));
      }
      await context.close();
    }
    return attempts;
  } finally {
    await browser.close();
  }
}

/** Runs in the page. */
async function attack(url: string): Promise<[what: string, outcome: string][]> {
  const hello =
    '{"v":1,"id":"a-1","kind":"control","type":"hello","from":"page","ts":1,"payload":{"role":"operator","instance":"i","version":"1"}}';
  const outcomes: [string, string][] = [];
  for (const protocols of [[], ['netmgr.v1.json'], ['netmgr.v1.msgpack']]) {
    const outcome = await new Promise<string>((resolve) => {
      const socket = new WebSocket(url.replace('http', 'ws'), protocols);
      socket.onopen = () => {
        socket.send(hello);
        resolve('accepted');
      };
      socket.onerror = () => resolve('refused');
    });
    outcomes.push([`WebSocket ${protocols}`, outcome]);
  }
  for (const mode of ['cors', 'no-cors'] as const) {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
      const body = method === 'GET' ? null : hello;
      const outcome = await fetch(url, { method, mode, body }).then(
        (response) => (response.ok ? 'accepted' : response.type === 'opaque' ? 'opaque' : `refused`),
        () => 'refused',
      );
      outcomes.push([`${mode} ${method}`, outcome]);
    }
  }
  return outcomes;
}
