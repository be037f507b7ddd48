/* A slow network between two network namespaces: each gets a TUN device, and every packet is carried to the other side
 * late, or not at all. For machines whose kernel has no netem.
 *
 *   link NAMESPACE NAMESPACE delay_us loss_ppm bytes_per_second queue_bytes offload seed
 *
 * Per direction, as a router would: a queue of `queue_bytes` in front of a wire of `bytes_per_second` (what does not fit
 * is dropped), then `delay_us`, then loss of `loss_ppm` packets in a million. With `offload` the two systems may hand
 * over several segments as one (as to a network card that segments), which counts as what it would be on the wire.
 * Ends when standard input does; then it prints what it did. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define PACKET (66 * 1024)
#define BATCH 128

struct packet { struct packet *next; uint64_t due; size_t length; unsigned char bytes[]; };
struct direction {
    int from, to;
    struct packet *first, **last;
    uint64_t free_at;
    unsigned long carried, lost, overflowed, bytes, refused;
};

static uint64_t delay, loss, rate, room, seed;
static int offload;

static void fail(const char *what) { perror(what); exit(1); }

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* xorshift64*: seeded, so that two runs lose the same packets of the same traffic. */
static uint64_t chance(void) {
    seed ^= seed >> 12, seed ^= seed << 25, seed ^= seed >> 27;
    return (seed * 2685821657736338717u >> 33) % 1000000u;
}

static int open_tun(const char *namespace) {
    int where = open(namespace, O_RDONLY | O_CLOEXEC);
    if (where < 0 || setns(where, CLONE_NEWNET) < 0) fail(namespace);
    close(where);
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun < 0) fail("/dev/net/tun");
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | (offload ? IFF_VNET_HDR : 0)};
    strcpy(request.ifr_name, "slow0");
    if (ioctl(tun, TUNSETIFF, &request) < 0) fail("TUNSETIFF");
    if (offload && ioctl(tun, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) < 0) fail("TUNSETOFFLOAD");
    return tun;
}

/* Bytes on the wire: each segment but the first has headers of its own. */
static size_t wire_size(const unsigned char *bytes, size_t length) {
    if (!offload) return length;
    struct virtio_net_hdr header;
    memcpy(&header, bytes, sizeof header);
    length -= sizeof header;
    if (header.gso_type == VIRTIO_NET_HDR_GSO_NONE || header.gso_size == 0 || length <= header.hdr_len) return length;
    size_t segments = (length - header.hdr_len + header.gso_size - 1) / header.gso_size;
    return length + (segments - 1) * header.hdr_len;
}

/* Takes what the sender has; returns whether there may be more. */
static int take(struct direction *d) {
    static unsigned char buffer[PACKET];
    for (int i = 0; i < BATCH; i++) {
        ssize_t length = read(d->from, buffer, sizeof buffer);
        if (length <= 0) return 0;
        uint64_t time = now(), size = wire_size(buffer, (size_t)length);
        if (d->free_at < time) d->free_at = time;
        if (rate) {
            uint64_t waiting = (d->free_at - time) * rate / 1000000000u;
            if (waiting > 0 && waiting + size > room) { d->overflowed++; continue; }
            d->free_at += size * 1000000000u / rate;
        }
        if (loss && chance() < loss) { d->lost++; continue; }
        struct packet *p = malloc(sizeof *p + (size_t)length);
        if (!p) fail("malloc");
        p->next = NULL, p->due = d->free_at + delay, p->length = (size_t)length;
        memcpy(p->bytes, buffer, (size_t)length);
        *d->last = p, d->last = &p->next;
        d->carried++, d->bytes += size;
    }
    return 1;
}

/* Hands over what has arrived; returns when the next packet does, or 0. */
static uint64_t deliver(struct direction *d) {
    uint64_t time = now();
    while (d->first && d->first->due <= time) {
        struct packet *p = d->first;
        if (write(d->to, p->bytes, p->length) < 0) d->refused++;
        if (!(d->first = p->next)) d->last = &d->first;
        free(p);
    }
    return d->first ? d->first->due : 0;
}

int main(int count, char **arguments) {
    if (count != 9) return fprintf(stderr, "usage: see link.c\n"), 2;
    delay = strtoull(arguments[3], NULL, 10) * 1000, loss = strtoull(arguments[4], NULL, 10);
    rate = strtoull(arguments[5], NULL, 10), room = strtoull(arguments[6], NULL, 10);
    offload = atoi(arguments[7]), seed = strtoull(arguments[8], NULL, 10) | 1;
    prctl(PR_SET_TIMERSLACK, 1);
    int a = open_tun(arguments[1]), b = open_tun(arguments[2]);
    struct direction ways[2] = {{.from = a, .to = b}, {.from = b, .to = a}};
    for (int i = 0; i < 2; i++) ways[i].last = &ways[i].first;
    printf("ready\n"), fflush(stdout);
    struct pollfd descriptors[3] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    for (;;) {
        int more = take(&ways[0]) | take(&ways[1]);
        uint64_t next = deliver(&ways[0]), other = deliver(&ways[1]);
        if (!next || (other && other < next)) next = other;
        if (more) continue;
        uint64_t time = now(), wait = next > time ? next - time : 0;
        struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000u), .tv_nsec = (long)(wait % 1000000000u)};
        if (ppoll(descriptors, 3, next ? &timeout : NULL, NULL) < 0 && errno != EINTR) fail("ppoll");
        if (descriptors[2].revents) break;
    }
    for (int i = 0; i < 2; i++)
        printf("way %d: carried %lu packets, %lu bytes; lost %lu, overflowed %lu, refused %lu\n", i, ways[i].carried,
               ways[i].bytes, ways[i].lost, ways[i].overflowed, ways[i].refused);
    return 0;
}
