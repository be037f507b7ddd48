package import Logging
package import ServiceLifecycle

/// Runs `service` while `body` runs, then asks it to stop and waits for it, at most `grace`.
///
/// When the service fails first, `body` is cancelled and the service's error thrown; one that returns early is no
/// failure. Once `body` is done, only its result counts.
package func withRunning<Value: Sendable>(
    _ service: some Service,
    grace: Duration,
    logger: Logger,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    var configuration = ServiceGroupConfiguration(
        services: [
            .init(
                service: service,
                successTerminationBehavior: .gracefullyShutdownGroup,
                failureTerminationBehavior: .cancelGroup
            )
        ],
        logger: logger
    )
    configuration.maximumGracefulShutdownDuration = grace
    let group = ServiceGroup(configuration: configuration)
    return try await withThrowingTaskGroup(of: Result<Value, any Error>?.self) { tasks in
        tasks.addTask {
            try await group.run()
            return nil
        }
        tasks.addTask {
            do { return .success(try await body()) } catch { return .failure(error) }
        }
        while let finished = try await tasks.next() {
            guard let result = finished else { continue }
            await group.triggerGracefulShutdown()
            while let rest = await tasks.nextResult() { _ = rest }
            return try result.get()
        }
        throw CancellationError()
    }
}
