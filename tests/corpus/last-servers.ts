/** Servers of other people, in processes of their own: nginx, PgBouncer, one of Python. Absent ones are said to be so. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { closedPort } from "./cases/http-call.ts";

/** Tries until a started server takes connections: one each 50 ms, for 30 s. */
const LOOKS_MAX = 600;
const LOOK_MS = 50;

export interface OtherServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** True if the machine has the program. */
export function hasProgram(name: string): boolean {
  try {
    execFileSync("which", [name], { stdio: "ignore" });
    return true;
  } catch {
    // `which` says so by its exit code.
    return false;
  }
}

export interface NginxPorts {
  /** Answers without a backend. */
  readonly front: number;
  readonly secure: number;
}

/** nginx before `backend`, a scripted server, and before a port where nobody is. */
export async function startNginx(
  folder: string,
  backend: number,
  certificate: { key: string; cert: string },
): Promise<NginxPorts & Pick<OtherServer, "stop">> {
  const at = join(folder, "nginx");
  mkdirSync(join(at, "html/folder"), { recursive: true });
  writeFileSync(join(at, "html/file.txt"), "x");
  writeFileSync(join(at, "secret"), "shop:{PLAIN}secret\n");
  writeFileSync(join(at, "key.pem"), certificate.key);
  writeFileSync(join(at, "cert.pem"), certificate.cert);
  const front = await closedPort();
  const secure = await closedPort();
  const nobody = await closedPort();
  writeFileSync(
    join(at, "nginx.conf"),
    `daemon off; pid ${at}/pid; error_log ${at}/error.log; worker_processes 1;
    events { worker_connections 64; }
    http {
      access_log off; client_body_temp_path ${at}/body; proxy_temp_path ${at}/proxy;
      fastcgi_temp_path ${at}/f; uwsgi_temp_path ${at}/u; scgi_temp_path ${at}/s;
      limit_req_zone $binary_remote_addr zone=slow:1m rate=1r/m;
      limit_req_zone $binary_remote_addr zone=slow429:1m rate=1r/m;
      server {
        listen 127.0.0.1:${String(front)}; root ${at}/html; client_max_body_size 200;
        location /back { proxy_pass http://127.0.0.1:${String(backend)}/; proxy_read_timeout 700ms; proxy_next_upstream off; }
        location /nobody { proxy_pass http://127.0.0.1:${String(nobody)}/; }
        location /buffer { proxy_buffer_size 1k; proxy_pass http://127.0.0.1:${String(backend)}/; }
        location /private { auth_basic erp; auth_basic_user_file ${at}/secret; proxy_pass http://127.0.0.1:${String(backend)}/; }
        location /denied { deny all; }
        location /only-get { limit_except GET { deny all; } }
        location /drop { return 444; }
        location /gone { return 410; }
        location /closed { return 503; }
        location /moved { return 301 https://new.invalid/; }
        location /kept { return 308 https://new.invalid/; }
        location /see { return 303 https://new.invalid/; }
        location /legal { return 451; }
        location /teapot { return 418; }
        location /slow { limit_req zone=slow; proxy_pass http://127.0.0.1:${String(nobody)}/; }
        location /slow429 { limit_req zone=slow429; limit_req_status 429; proxy_pass http://127.0.0.1:${String(nobody)}/; }
        location /loop { error_page 502 /loop; return 502; }
        location /inner { rewrite ^ /inner last; }
        location /small { client_max_body_size 8; proxy_pass http://127.0.0.1:${String(backend)}/; }
        location /mute { proxy_pass http://127.0.0.1:${String(backend)}/; proxy_intercept_errors on; error_page 500 =200 /file.txt; }
      }
      server {
        listen 127.0.0.1:${String(secure)} ssl; ssl_certificate ${at}/cert.pem; ssl_certificate_key ${at}/key.pem;
        ssl_client_certificate ${at}/cert.pem; ssl_verify_client on;
      }
    }`,
  );
  chmodSync(folder, 0o755);
  const child = spawn("nginx", ["-c", join(at, "nginx.conf"), "-p", at], { stdio: "ignore" });
  await listening(front);
  return { front, secure, stop: async () => ended(child, "SIGTERM") };
}

/** PgBouncer before a PostgreSQL server; some of its databases lead nowhere. */
export async function startPgBouncer(
  folder: string,
  postgres: number,
  settings: string,
): Promise<OtherServer> {
  const at = join(folder, `pgbouncer-${settings.replaceAll(/\W+/gu, "")}`);
  mkdirSync(at);
  const port = await closedPort();
  const nobody = await closedPort();
  writeFileSync(join(at, "users.txt"), '"holdfast" ""\n"clerk" "md5 wrong"\n');
  writeFileSync(
    join(at, "pgbouncer.ini"),
    `[databases]
postgres = host=127.0.0.1 port=${String(postgres)} dbname=postgres
missing = host=127.0.0.1 port=${String(postgres)} dbname=no_such
down = host=127.0.0.1 port=${String(nobody)} dbname=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${String(port)}
unix_socket_dir =
auth_type = trust
auth_file = ${at}/users.txt
admin_users = holdfast
ignore_startup_parameters = extra_float_digits
${settings}
`,
  );
  const child = spawn("pgbouncer", ["-u", "nobody", join(at, "pgbouncer.ini")], {
    stdio: "ignore",
  });
  await listening(port);
  return { port, stop: async () => ended(child, "SIGKILL") };
}

/** The server of Python's library, as its users write it: it ends the connection when their code throws. */
const PYTHON = `
import http.server, socketserver, sqlite3, sys, json
class Orders(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def work(self):
        with sqlite3.connect(sys.argv[1], timeout=10) as ledger:
            ledger.execute("insert or ignore into work values (?, '')", (self.headers["idempotency-key"],))
    def do_POST(self):
        length = int(self.headers.get("content-length", 0)); self.rfile.read(length)
        what = self.headers["x-case"]
        if what == "throws": raise KeyError("customer")
        if what == "works then throws": self.work(); raise KeyError("customer")
        if what == "throws in its answer":
            self.work(); self.send_response(200); self.send_header("content-length", "100"); self.end_headers(); self.wfile.write(b"{"); raise KeyError("x")
        if what == "no length":
            self.work(); self.send_response(200); self.send_header("content-type", "application/json"); self.end_headers(); self.wfile.write(b'{"id":'); self.close_connection = True; return
        if what == "only a status":
            self.work(); self.wfile.write(b"HTTP/1.1 204 No Content\\r\\n"); self.wfile.flush(); raise KeyError("x")
        self.send_error(int(what))
    def log_message(self, *parts): pass
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    def handle_error(self, request, address): pass
server = Server(("127.0.0.1", 0), Orders if sys.argv[2] == "own" else http.server.SimpleHTTPRequestHandler)
http.server.SimpleHTTPRequestHandler.log_message = lambda *parts: None
print(server.server_address[1], flush=True)
server.serve_forever()
`;

export async function startPython(ledgerPath: string, kind: "own" | "plain"): Promise<OtherServer> {
  const child = spawn("python3", ["-c", PYTHON, ledgerPath, kind], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { port: Number(line.toString().trim()), stop: async () => ended(child, "SIGKILL") };
}

export async function listening(port: number): Promise<void> {
  for (let look = 0; look < LOOKS_MAX; look += 1) {
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      });
      socket.on("error", () => {
        resolve(false);
      });
    });
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  throw new Error(`no server on port ${String(port)} after ${String(LOOKS_MAX)} looks`);
}

export async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}
