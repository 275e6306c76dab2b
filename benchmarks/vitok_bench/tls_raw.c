/* The raw server of the rows over TLS: a loop of epoll over OpenSSL, the limit of what a server can reach.
 *
 * It echoes, or answers requests of HTTP, over TLS 1.3. A connection that is ready costs one receive and one send, however
 * many records those have: OpenSSL reads from one buffer for all connections and writes to another, by a BIO of two
 * functions. SSL objects on the sockets themselves take a system call for each record and each header; with
 * `SSL_set_read_ahead` they still send each record by itself.
 *
 *     tls_raw --certificate FILE --key FILE --mode echo|http [--answer BYTES] [--core N]
 *
 * It prints its port as a line of JSON, and ends with standard input. `tls_raw --version` prints the version of OpenSSL.
 * Rows, loops and clients are not known here.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

/* The most that a loop reads per readiness, as in the other raw servers. */
#define BUFFER_BYTES (256 * 1024)
/* As in the other raw servers; the kernel reduces it to its limit. */
#define BACKLOG 4096
/* More than the connections of the largest row. */
#define EVENTS 512
/* A plaintext of the longest record. */
#define RECORD_BYTES (16 * 1024)

static const char END_OF_HEAD[] = "\r\n\r\n";
#define END_BYTES (sizeof END_OF_HEAD - 1)

/* Bytes that grow to what is appended. */
struct bytes {
    char *start;
    size_t length, room;
};

struct connection {
    int descriptor;
    SSL *ssl;
    /* Ciphertext that the kernel had no room for. Nothing is read while there is any. */
    struct bytes unsent;
    /* How much of the end of a head the last record ended with. */
    size_t matched;
    int is_over;
};

/* The ciphertext of the connection that is being served: received and not read yet, written and not sent yet. */
static char received[BUFFER_BYTES];
static size_t received_from, received_to;
static struct bytes written;

/* The answer to a request; without one, the server echoes. */
static struct bytes answer;

static void fail(const char *doing)
{
    perror(doing);
    exit(1);
}

static void append(struct bytes *bytes, const char *data, size_t length)
{
    if (bytes->length + length > bytes->room) {
        bytes->room = 2 * bytes->room > bytes->length + length ? 2 * bytes->room : bytes->length + length;
        bytes->start = realloc(bytes->start, bytes->room);
        if (bytes->start == NULL)
            fail("realloc");
    }
    memcpy(bytes->start + bytes->length, data, length);
    bytes->length += length;
}

/* The BIO. */

static int bio_read(BIO *bio, char *data, size_t wanted, size_t *count)
{
    BIO_clear_retry_flags(bio);
    if (received_from == received_to) {
        BIO_set_retry_read(bio);
        return 0;
    }
    *count = received_to - received_from < wanted ? received_to - received_from : wanted;
    memcpy(data, received + received_from, *count);
    received_from += *count;
    return 1;
}

static int bio_write(BIO *bio, const char *data, size_t length, size_t *count)
{
    BIO_clear_retry_flags(bio);
    append(&written, data, length);
    *count = length;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *make_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "buffers");
    if (method == NULL || !BIO_meth_set_read_ex(method, bio_read) || !BIO_meth_set_write_ex(method, bio_write) ||
        !BIO_meth_set_ctrl(method, bio_control))
        fail("BIO_meth_new");
    return method;
}

/* What a connection is answered. */

/* Returns how many heads of requests end in the data. */
static size_t ended_requests(struct connection *connection, const char *data, size_t length)
{
    size_t ended = 0;
    for (size_t at = 0; at < length; at++) {
        if (data[at] == END_OF_HEAD[connection->matched])
            connection->matched++;
        else
            connection->matched = data[at] == END_OF_HEAD[0];
        if (connection->matched == END_BYTES) {
            connection->matched = 0;
            ended++;
        }
    }
    return ended;
}

/* Encrypts. The BIO takes everything, so it never has to be repeated. */
static int encrypt(struct connection *connection, const char *data, size_t length)
{
    size_t count;
    return SSL_write_ex(connection->ssl, data, length, &count);
}

static int respond(struct connection *connection, const char *data, size_t length)
{
    size_t ended;
    if (answer.length == 0)
        return encrypt(connection, data, length);
    ended = ended_requests(connection, data, length);
    while (ended-- > 0)
        if (!encrypt(connection, answer.start, answer.length))
            return 0;
    return 1;
}

/* Reads all records that were received; the first ones are the handshake's. */
static void read_records(struct connection *connection)
{
    static char plain[RECORD_BYTES];
    size_t count;
    while (SSL_read_ex(connection->ssl, plain, sizeof plain, &count))
        if (!respond(connection, plain, count))
            break;
    if (SSL_get_error(connection->ssl, 0) != SSL_ERROR_WANT_READ) {
        /* The client has said goodbye, or has sent something that is not TLS: an alert is in the buffer then. */
        if (SSL_get_shutdown(connection->ssl) & SSL_RECEIVED_SHUTDOWN)
            SSL_shutdown(connection->ssl);
        ERR_clear_error();
        connection->is_over = 1;
    }
}

/* Connections. */

static void watch(int set, int operation, int descriptor, void *key, unsigned events)
{
    struct epoll_event event = {.events = events, .data.ptr = key};
    if (epoll_ctl(set, operation, descriptor, &event) != 0)
        fail("epoll_ctl");
}

static void end(struct connection *connection)
{
    close(connection->descriptor);
    SSL_free(connection->ssl);
    free(connection->unsent.start);
    free(connection);
}

/* Sends, and returns how much the kernel took; -1 if the connection is gone. */
static ssize_t send_now(int descriptor, const struct bytes *bytes)
{
    ssize_t sent = send(descriptor, bytes->start, bytes->length, MSG_NOSIGNAL);
    return sent == -1 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
}

static void receive(int set, struct connection *connection)
{
    ssize_t count = recv(connection->descriptor, received, sizeof received, 0);
    if (count == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) {
        end(connection);
        return;
    }
    received_from = 0;
    received_to = (size_t)count;
    written.length = 0;
    read_records(connection);
    if (written.length > 0) {
        count = send_now(connection->descriptor, &written);
        if (count >= 0 && (size_t)count < written.length) {
            append(&connection->unsent, written.start + count, written.length - (size_t)count);
            watch(set, EPOLL_CTL_MOD, connection->descriptor, connection, EPOLLOUT);
            return;
        }
    }
    if (count < 0 || connection->is_over)
        end(connection);
}

static void send_rest(int set, struct connection *connection)
{
    struct bytes *unsent = &connection->unsent;
    ssize_t count = send_now(connection->descriptor, unsent);
    if (count < 0 || ((size_t)count == unsent->length && connection->is_over)) {
        end(connection);
        return;
    }
    unsent->length -= (size_t)count;
    memmove(unsent->start, unsent->start + count, unsent->length);
    if (unsent->length == 0)
        watch(set, EPOLL_CTL_MOD, connection->descriptor, connection, EPOLLIN);
}

static void accept_all(int set, int listener, SSL_CTX *context, BIO_METHOD *method)
{
    int descriptor, one = 1;
    while ((descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) != -1) {
        struct connection *connection = calloc(1, sizeof *connection);
        BIO *bio = BIO_new(method);
        if (connection == NULL || bio == NULL || (connection->ssl = SSL_new(context)) == NULL)
            fail("a new connection");
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        BIO_set_init(bio, 1);
        /* One reference for both directions. */
        SSL_set_bio(connection->ssl, bio, bio);
        SSL_set_accept_state(connection->ssl);
        connection->descriptor = descriptor;
        watch(set, EPOLL_CTL_ADD, descriptor, connection, EPOLLIN);
    }
    if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
        fail("accept4");
}

static void serve(int listener, SSL_CTX *context)
{
    struct epoll_event events[EVENTS];
    BIO_METHOD *method = make_method();
    int set = epoll_create1(EPOLL_CLOEXEC);
    if (set == -1)
        fail("epoll_create1");
    watch(set, EPOLL_CTL_ADD, listener, &listener, EPOLLIN);
    /* Standard input, whose end ends the server; a file can't be watched, and then there is no parent. */
    epoll_ctl(set, EPOLL_CTL_ADD, STDIN_FILENO, &(struct epoll_event){.events = EPOLLIN, .data.ptr = &set});
    for (;;) {
        int count = epoll_wait(set, events, EVENTS, -1);
        for (int at = 0; at < count; at++) {
            void *key = events[at].data.ptr;
            if (key == &set)
                return;
            if (key == &listener)
                accept_all(set, listener, context, method);
            else if (((struct connection *)key)->unsent.length > 0)
                send_rest(set, key);
            else
                receive(set, key);
        }
    }
}

/* The start. */

static SSL_CTX *make_context(const char *certificate, const char *key)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) ||
        SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    /* As in CPython's contexts: an idle connection holds no buffers of OpenSSL. */
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    /* A record in one call of the BIO, instead of its header and then the rest. */
    SSL_CTX_set_read_ahead(context, 1);
    return context;
}

static void make_answer(size_t length)
{
    char head[128];
    int head_length = snprintf(
        head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", length);
    append(&answer, head, (size_t)head_length);
    for (size_t at = 0; at < length; at++)
        append(&answer, "a", 1);
}

static int listen_on_loopback(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener == -1 || bind(listener, (struct sockaddr *)&name, length) != 0 || listen(listener, BACKLOG) != 0 ||
        getsockname(listener, (struct sockaddr *)&name, &length) != 0)
        fail("listening");
    printf("{\"port\": %d, \"version\": \"%s\"}\n", ntohs(name.sin_port), OpenSSL_version(OPENSSL_VERSION_STRING));
    fflush(stdout);
    return listener;
}

static void pin_to(int core)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    if (sched_setaffinity(0, sizeof cores, &cores) != 0)
        fail("sched_setaffinity");
}

static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int count, char **words)
{
    const char *certificate = "", *key = "", *mode = "echo";
    size_t answer_bytes = 0;
    if (count == 2 && strcmp(words[1], "--version") == 0) {
        puts(OpenSSL_version(OPENSSL_VERSION_STRING));
        return 0;
    }
    for (int at = 1; at + 1 < count; at += 2) {
        const char *name = words[at], *value = words[at + 1];
        if (strcmp(name, "--certificate") == 0)
            certificate = value;
        else if (strcmp(name, "--key") == 0)
            key = value;
        else if (strcmp(name, "--mode") == 0)
            mode = value;
        else if (strcmp(name, "--answer") == 0)
            answer_bytes = strtoul(value, NULL, 10);
        else if (strcmp(name, "--core") == 0)
            pin_to(atoi(value));
        else {
            fprintf(stderr, "tls_raw: unknown option %s\n", name);
            return 2;
        }
    }
    if (strcmp(mode, "http") == 0)
        make_answer(answer_bytes);
    raise_descriptors();
    serve(listen_on_loopback(), make_context(certificate, key));
    return 0;
}
