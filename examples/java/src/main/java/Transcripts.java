import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Consumes finished transcripts and prints them: a job's file, language and id, then its text. The topic is described by
 * schemas/asyncapi.json, which a gateway also serves as /asyncapi.json.
 *
 * <p>mvn -q compile dependency:copy-dependencies, then
 * java -cp 'target/classes:target/dependency/*' Transcripts --bootstrap 127.0.0.1:9092 --gateway http://127.0.0.1:8511
 */
public final class Transcripts {
    private static final int VERSION = 1; // the only version of the record that this program understands
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    public static void main(String[] arguments) throws Exception {
        Map<String, String> options = new HashMap<>(Map.of(
                "--bootstrap", "127.0.0.1:9092",
                "--topic", "murmur.transcripts",
                "--group", "my-transcripts",
                "--gateway", "http://127.0.0.1:8511",
                "--count", "0"));
        for (int at = 0; at + 1 < arguments.length; at += 2) {
            options.put(arguments[at], arguments[at + 1]);
        }
        int count = Integer.parseInt(options.get("--count")); // 0: without end
        Map<String, Object> settings = Map.of(
                "bootstrap.servers", options.get("--bootstrap"),
                "group.id", options.get("--group"),
                "auto.offset.reset", "earliest",
                "enable.auto.commit", false,
                "isolation.level", "read_committed"); // murmur writes in transactions
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(options.get("--topic")));
            for (int seen = 0; count == 0 || seen < count; ) {
                for (ConsumerRecord<String, byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    seen += show(record, options.get("--gateway")) ? 1 : 0;
                }
                consumer.commitSync(); // after the work: a record may come again, and none is lost
            }
        }
    }

    /** Whether it was a transcript that this program understands. */
    private static boolean show(ConsumerRecord<String, byte[]> record, String gateway) throws IOException, InterruptedException {
        JsonNode event = record.value() == null ? null : JSON.readTree(record.value());
        if (event == null || event.path("version").asInt() != VERSION) {
            System.err.printf("skipped %s-%d@%d: an unknown version%n", record.topic(), record.partition(), record.offset());
            return false;
        }
        JsonNode job = event.get("job");
        System.out.printf(
                "%s  %s  %s%n", job.get("filename").asText(), event.at("/result/language").asText(), job.get("job_id").asText());
        System.out.printf("  %s%n", text(event, gateway));
        return true;
    }

    /** In the record; of a long transcript the record has only a pointer, and the gateway has the text. */
    private static String text(JsonNode event, String gateway) throws IOException, InterruptedException {
        if (!event.path("transcript").isMissingNode() && !event.get("transcript").isNull()) {
            return event.at("/transcript/text").asText();
        }
        String path = "/api/transcribe/async/" + event.at("/job/job_id").asText() + "/transcript.json";
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(gateway + path));
        if (System.getenv("MURMUR_API_KEY") != null) {
            request.header("Authorization", "Bearer " + System.getenv("MURMUR_API_KEY"));
        }
        HttpResponse<byte[]> response = HTTP.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
        if (response.statusCode() != 200) {
            return "(" + response.statusCode() + ": no longer there)";
        }
        return JSON.readTree(response.body()).get("text").asText();
    }
}
