import ControlAPI
import DaypassServer
import Edge
import Foundation
import SessionModel
import Testing

@Suite struct ServerSettingsTests {
    private func read(
        _ flags: [String: String] = [:],
        lists: [String: [String]] = [:],
        environment: [String: String] = [:],
        file: String? = nil
    ) async throws -> ServerConfiguration {
        let path = try file.map { text in
            let path = "\(FileManager.default.temporaryDirectory.path)/daypass-\(UUID().uuidString).json"
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            return path
        }
        defer { if let path { try? FileManager.default.removeItem(atPath: path) } }
        return
            try await ServerSettings.read(
                flags: flags,
                lists: lists,
                environment: environment,
                file: path,
                defaultDataPath: "/data"
            )
            .configuration
    }

    private func refusal(
        _ flags: [String: String] = [:],
        lists: [String: [String]] = [:],
        environment: [String: String] = [:],
        file: String? = nil
    ) async -> String {
        do {
            _ = try await self.read(flags, lists: lists, environment: environment, file: file)
            return "accepted"
        } catch let error as DaypassError {
            return error.code == .validationError ? error.message : "\(error)"
        } catch {
            return "\(error)"
        }
    }

    @Test func withoutAnythingEverythingStaysOnThisMachine() async throws {
        let configuration = try await self.read()
        #expect(configuration.controlAddress == "127.0.0.1:3001")
        #expect(configuration.edgeAddress == "127.0.0.1:3002")
        #expect(configuration.dataPath == "/data")
        #expect(configuration.access == nil)
        #expect(configuration.publicAddress(edgePort: 3002).base == "http://127.0.0.1:3002")
        #expect(configuration.edgeScheme == "http")
    }

    @Test func flagsThenEnvironmentThenFile() async throws {
        let file =
            #"{"data":"/file","publicUrl":"https://file.test","edge":{"port":1},"control":{"port":1,"auth":"open"}}"#
        let environment = [
            "DAYPASS_DATA": "/env", "DAYPASS_EDGE_PORT": "2", "DAYPASS_CONTROL_PORT": "2",
            "DAYPASS_EDGE_TRUSTED_PROXIES": "10.0.0.0/8,192.168.0.0/16",
        ]
        let configuration = try await self.read(["control.port": "3"], environment: environment, file: file)
        #expect(configuration.control.port == 3)
        #expect(configuration.edge.port == 2)
        #expect(configuration.dataPath == "/env")
        #expect(configuration.publicAddress(edgePort: 2).base == "https://file.test")
        #expect(configuration.access == .open)
        #expect(configuration.edge.trustedProxies.count == 2)
        let listed = try await self.read(lists: ["edge.trustedProxies": ["::1/128"]], environment: environment)
        #expect(listed.edge.trustedProxies.count == 1)
    }

    @Test func publicLinksFollowTheEdge() async throws {
        let free = try await self.read(["edge.port": "0"])
        #expect(free.publicAddress(edgePort: 4711).base == "http://127.0.0.1:4711")
        let six = try await self.read(["edge.host": "::1"])
        #expect(six.publicAddress(edgePort: 3002).base == "http://[::1]:3002")
        #expect(six.edgeAddress == "[::1]:3002")
        let names = try await self.read(["urlStyle": "subdomain"])
        let slug = try #require(Slug("quiet-lime-42"))
        #expect(names.publicAddress(edgePort: 3002).publicURL(for: slug) == "http://quiet-lime-42.localhost:3002")
        let given = try await self.read(["urlStyle": "subdomain", "publicUrl": "https://share.test"])
        #expect(given.publicAddress(edgePort: 3002).publicURL(for: slug) == "https://quiet-lime-42.share.test")
    }

    @Test func whatCannotBeMeantIsRefusedByName() async {
        #expect(await self.refusal(["publicUrl": "ftp://x"]).contains("publicUrl"))
        #expect(await self.refusal(["urlStyle": "query"]).contains("urlStyle"))
        #expect(await self.refusal(["control.auth": "maybe"]).contains("auth"))
        #expect(await self.refusal(lists: ["edge.trustedProxies": ["everyone"]]).contains("trustedProxies"))
        #expect(await self.refusal(["edge.host": "0.0.0.0"]).contains("publicUrl"))
        #expect(await self.refusal(["edge.tls.certificate": "/c.pem"]).contains("tls"))
        #expect(await self.refusal(["store": "postgres://db/daypass"]).contains("not supported yet"))
        #expect(await self.refusal(["store": "mysql://db"]).contains("sqlite:"))
        #expect(await self.refusal(["adminTokenFile": "/nonexistent"]).contains("adminTokenFile"))
        #expect(await self.refusal(environment: ["DAYPASS_EDGE_PORT": "70000"]).contains("edge.port"))
    }

    @Test func aMisspeltSettingInTheFileIsRefused() async {
        let refusal = await self.refusal(file: #"{"control":{"auht":"required"},"publicURL":"https://x.test"}"#)
        #expect(refusal.hasSuffix("has settings nobody knows: control.auht, publicURL."))
        #expect(await self.refusal(file: "{").contains("is not a JSON object"))
    }

    @Test func theAdminTokenMayComeFromAFile() async throws {
        let path = "\(FileManager.default.temporaryDirectory.path)/daypass-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let token = "dp_admin_" + String(repeating: "a", count: 40)
        try Data("\(token)\n".utf8).write(to: URL(fileURLWithPath: path))
        let configuration = try await self.read(["adminTokenFile": path])
        #expect(configuration.control.adminTokenDigest == SecretDigest(of: token))
        try Data("short\n".utf8).write(to: URL(fileURLWithPath: path))
        #expect(await self.refusal(["adminTokenFile": path]).contains("24 characters"))
    }
}
