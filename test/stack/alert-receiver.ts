/**
 * Stands for whoever is called at night: takes what Alertmanager posts to its webhook, and gives all of it to GET.
 *
 * Runs in a container of the stack, see alert-receiver.yml.
 */
import http from 'node:http';
import { text } from 'node:stream/consumers';

const alerts: unknown[] = [];

http
  .createServer((request, response) => {
    void (async () => {
      if (request.method === 'POST') {
        const notification = JSON.parse(await text(request)) as { alerts: unknown[] };
        alerts.push(...notification.alerts);
      }
      response.setHeader('Content-Type', 'application/json').end(JSON.stringify(alerts));
    })();
  })
  .listen(8080);
